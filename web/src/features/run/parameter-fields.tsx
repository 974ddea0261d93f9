import { useId } from "react";
import type { Hyperparams, Parameter } from "../../api/types";

export type Edits = Record<string, string>;

export function keyOf(parameter: Pick<Parameter, "section" | "name">): string {
  return `${parameter.section}/${parameter.name}`;
}

export function parametersOf(hyperparams: Hyperparams | undefined): Parameter[] {
  return Object.entries(hyperparams ?? {}).flatMap(([section, items]) =>
    Object.entries(items).map(([name, parameter]) => ({ ...parameter, section, name })),
  );
}

export function edited(parameters: Parameter[], edits: Edits): Parameter[] {
  return parameters
    .filter((one) => keyOf(one) in edits && edits[keyOf(one)] !== (one.value ?? ""))
    .map((one) => ({ ...one, value: edits[keyOf(one)] ?? "" }));
}

interface Props {
  parameters: Parameter[];
  edits: Edits;
  onEdit: (key: string, value: string) => void;
  readOnly?: boolean;
}

export function ParameterFields({ parameters, edits, onEdit, readOnly = false }: Props) {
  const id = useId();
  const sections = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const there = sections.get(parameter.section);
    if (there) there.push(parameter);
    else sections.set(parameter.section, [parameter]);
  }
  return [...sections].map(([section, items]) => (
    <fieldset key={section} className="parameters">
      <legend>{section}</legend>
      {items.map((parameter) => {
        const key = keyOf(parameter);
        const value = edits[key] ?? parameter.value ?? "";
        const changed = value !== (parameter.value ?? "");
        return (
          <div key={key} className={changed ? "parameter changed" : "parameter"}>
            <label htmlFor={`${id}-${key}`} title={parameter.description ?? undefined}>{parameter.name}</label>
            {readOnly ? (
              <output id={`${id}-${key}`}>{value || <span className="faint">empty</span>}</output>
            ) : (
              <input
                id={`${id}-${key}`}
                value={value}
                spellCheck={false}
                title={changed ? `was: ${parameter.value ?? ""}` : undefined}
                onChange={(event) => onEdit(key, event.target.value)}
              />
            )}
            <span className="faint">{changed ? "changed" : parameter.type}</span>
          </div>
        );
      })}
    </fieldset>
  ));
}
