// A value that a JSON Schema (2020-12) describes, to begin with: what must be there, by its examples.

const DEEPEST = 6;

const found = (description, reference) => reference.replace("#/", "").split("/").reduce((at, part) => at?.[part], description);

/** A value for a schema of a description. */
export function sample(description, schema, depth = 0) {
  if (!schema || depth > DEEPEST) return null;
  if (schema.$ref) return sample(description, found(description, schema.$ref), depth + 1);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const one = schema.oneOf ?? schema.anyOf;
  if (one) return sample(description, one.find((own) => own.type !== "null") ?? one[0], depth + 1);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((own) => sample(description, own, depth + 1)));
  const type = Array.isArray(schema.type) ? schema.type.find((own) => own !== "null") : schema.type;
  switch (type) {
    case "object": return members(description, schema, depth);
    case "array": return schema.minItems ? [sample(description, schema.items, depth + 1)] : [];
    case "string": return "";
    case "integer":
    case "number": return schema.minimum ?? 0;
    case "boolean": return false;
    default: return schema.properties ? members(description, schema, depth) : null;
  }
}

function members(description, { properties = {}, required = [] }, depth) {
  const wanted = Object.entries(properties).filter(([name, own]) => required.includes(name) || own.example !== undefined);
  return Object.fromEntries(wanted.map(([name, own]) => [name, sample(description, own, depth + 1)]));
}
