import type { Task } from "../../api/types";
import { shown } from "../../lib/format";
import { parseTime } from "../../lib/time";
import { Time } from "../../ui/bits";

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  if (children === undefined || children === null || children === "") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function requirementsOf(task: Task): string {
  const pip = task.script?.requirements?.pip;
  return Array.isArray(pip) ? pip.join("\n") : typeof pip === "string" ? pip : "";
}

export function Overview({ task }: { task: Task }) {
  const script = task.script ?? {};
  const requirements = requirementsOf(task);
  const runtime = Object.entries(task.runtime ?? {}).filter(([key]) => !key.startsWith("_"));
  return (
    <div className="columns">
      <div>
        {task.comment && <p className="comment">{task.comment}</p>}
        <h2>Execution</h2>
        <dl>
          <Fact name="Script">{script.entry_point && <code>{script.entry_point}</code>}</Fact>
          <Fact name="Repository">{script.repository}</Fact>
          <Fact name="Commit">{script.version_num && <code>{script.version_num}</code>}</Fact>
          <Fact name="Branch">{script.branch ?? script.tag}</Fact>
          <Fact name="Working folder">{script.working_dir && <code>{script.working_dir}</code>}</Fact>
          <Fact name="Binary">{script.binary && <code>{script.binary}</code>}</Fact>
          <Fact name="Container">{task.container?.image}</Fact>
          <Fact name="Attempt">{task.attempt}</Fact>
          <Fact name="Worker">{task.last_worker}</Fact>
        </dl>
        <h2>Times</h2>
        <dl>
          <Fact name="Created"><Time at={parseTime(task.created)} /></Fact>
          <Fact name="Started"><Time at={parseTime(task.started)} /></Fact>
          <Fact name="Ended"><Time at={parseTime(task.completed)} /></Fact>
          <Fact name="Last update"><Time at={parseTime(task.last_update)} /></Fact>
        </dl>
        {runtime.length > 0 && (
          <>
            <h2>Machine</h2>
            <dl>{runtime.map(([name, value]) => <Fact key={name} name={name}>{shown(value)}</Fact>)}</dl>
          </>
        )}
      </div>
      <div>
        {requirements && (
          <details open={requirements.length < 1200}>
            <summary>Python packages</summary>
            <pre className="code">{requirements}</pre>
          </details>
        )}
        {script.diff && (
          <details open>
            <summary>{script.repository ? "Uncommitted changes" : "Script"}</summary>
            <pre className="code">{script.diff}</pre>
          </details>
        )}
      </div>
    </div>
  );
}
