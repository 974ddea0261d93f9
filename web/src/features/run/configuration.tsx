import { useState } from "react";
import { call } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Parameter, Task } from "../../api/types";
import { Trouble } from "../../ui/bits";
import { say } from "../../ui/toasts";
import { type Edits, edited, keyOf, ParameterFields, parametersOf } from "./parameter-fields";

export function Configuration({ task }: { task: Task }) {
  const [edits, setEdits] = useState<Edits>({});
  const [error, setError] = useState<unknown>(null);
  const [adding, setAdding] = useState(false);
  const parameters = parametersOf(task.hyperparams);
  const draft = task.status === "created";
  const changed = edited(parameters, edits);

  const send = async (hyperparams: Parameter[]) => {
    setError(null);
    try {
      await call("tasks.edit_hyper_params", { task: task.id, hyperparams, replace_hyperparams: "none" });
      setEdits({});
      setAdding(false);
      await queryClient.invalidateQueries({ queryKey: ["task", task.id] });
      say(`Saved ${hyperparams.length} ${hyperparams.length === 1 ? "parameter" : "parameters"}`);
    } catch (cause) {
      setError(cause);
    }
  };

  const objects = Object.entries(task.configuration ?? {});
  return (
    <div className="narrow">
      {!draft && parameters.length > 0 && <p className="faint">Only a draft can be edited. Clone this run to change its parameters.</p>}
      {error !== null && <Trouble error={error} />}
      {parameters.length === 0 && <p className="faint">This run has no parameters.</p>}
      <ParameterFields parameters={parameters} edits={edits} onEdit={(key, value) => setEdits((old) => ({ ...old, [key]: value }))} readOnly={!draft} />
      {draft && (
        <div className="save">
          <button type="button" className="primary" disabled={changed.length === 0} onClick={() => void send(changed)}>
            {changed.length === 0 ? "Save" : `Save ${changed.length} changed`}
          </button>
          {changed.length > 0 && <button type="button" onClick={() => setEdits({})}>Undo</button>}
          <button type="button" onClick={() => setAdding(!adding)}>Add a parameter</button>
        </div>
      )}
      {adding && (
        <form
          className="add"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            const one = { section: String(form.get("section")), name: String(form.get("name")), value: String(form.get("value")) };
            if (parameters.some((parameter) => keyOf(parameter) === keyOf(one))) {
              setError(new Error(`${one.section}/${one.name} exists already; change its value above.`));
            } else void send([one]);
          }}
        >
          <label>Section<input name="section" defaultValue="General" required /></label>
          <label>Name<input name="name" required /></label>
          <label>Value<input name="value" /></label>
          <button type="submit">Add</button>
        </form>
      )}
      {objects.map(([name, item]) => (
        <details key={name}>
          <summary>{name} <span className="faint">{item.type}</span></summary>
          <pre className="code">{item.value}</pre>
        </details>
      ))}
    </div>
  );
}
