import { useModels } from "../../api/queries";
import type { Artifact, Model, Task, TaskModel } from "../../api/types";
import { bytes, middle } from "../../lib/format";

function isLink(uri: string | undefined): uri is string {
  return uri !== undefined && /^https?:/.test(uri);
}

function Download({ uri, name }: { uri: string | undefined; name: string }) {
  if (isLink(uri)) return <a href={uri} download aria-label={`Download ${name}`}>Download</a>;
  return <code className="faint">{uri || "not uploaded"}</code>;
}

function Preview({ artifact }: { artifact: Artifact }) {
  const { preview, content_type: type } = artifact.type_data ?? {};
  if (isLink(artifact.uri) && type?.startsWith("image/")) return <img src={artifact.uri} alt={artifact.key} loading="lazy" />;
  return preview ? <pre className="code">{preview}</pre> : null;
}

export function Artifacts({ task }: { task: Task }) {
  const artifacts = task.execution?.artifacts ?? [];
  const input = task.models?.input ?? [];
  const output = task.models?.output ?? [];
  const models = useModels([...new Set([...input, ...output].map((one) => one.model))].sort());
  if (artifacts.length + input.length + output.length === 0) {
    return (
      <div className="empty">
        <p>No artifacts. Upload one and it appears here, with its hash and a preview:</p>
        <pre>{'task.upload_artifact("data", artifact_object=frame)'}</pre>
      </div>
    );
  }
  return (
    <div className="narrow">
      {artifacts.length > 0 && <h2>Artifacts</h2>}
      {artifacts.map((artifact) => (
        <article key={`${artifact.mode}/${artifact.key}`} className="artifact">
          <header>
            <h3>{artifact.key}</h3>
            <span className="tag">{artifact.type ?? "custom"}</span>
            {artifact.mode === "input" && <span className="tag">input</span>}
            <span className="number">{bytes(artifact.content_size)}</span>
            {artifact.hash && <code className="faint" title={`sha256 ${artifact.hash}`}>sha256 {middle(artifact.hash, 6)}</code>}
            <span className="grow" />
            <Download uri={artifact.uri} name={artifact.key} />
          </header>
          <Preview artifact={artifact} />
        </article>
      ))}
      <ModelList title="Output models" entries={output} models={models.data} />
      <ModelList title="Input models" entries={input} models={models.data} />
    </div>
  );
}

function ModelList({ title, entries, models }: { title: string; entries: TaskModel[]; models: Model[] | undefined }) {
  if (entries.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      {entries.map((entry) => {
        const model = models?.find((one) => one.id === entry.model);
        return (
          <article key={entry.name} className="artifact">
            <header>
              <h3>{entry.name}</h3>
              {model?.framework && <span className="tag">{model.framework}</span>}
              {model?.ready && <span className="tag">published</span>}
              <span className="grow" />
              <Download uri={model?.uri} name={entry.name} />
            </header>
          </article>
        );
      })}
    </>
  );
}
