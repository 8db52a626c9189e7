const el = (tag, text, ...children) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};
const name = (schema) => {
  if (!schema) return '';
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.oneOf) return schema.oneOf.map(name).filter((n) => n !== 'null').join(' or ');
  const type = [].concat(schema.type || 'object').filter((t) => t !== 'null').join(' or ');
  return type === 'array' ? `list of ${name(schema.items)}` : schema.format ? `${type} (${schema.format})` : type;
};
const fields = (schema, all) => {
  const target = schema && schema.$ref ? all[name(schema)] : schema;
  const parts = target && target.allOf ? target.allOf : [target];
  const table = el('table');
  for (const part of parts.map((p) => (p && p.$ref ? all[name(p)] : p))) {
    for (const [key, value] of Object.entries((part && part.properties) || {})) {
      const needed = (part.required || []).includes(key) ? '' : ' (optional)';
      table.append(el('tr', '', el('td', '', el('code', key)), el('td', name(value) + needed), el('td', value.description || '')));
    }
  }
  return table;
};
fetch('/api/openapi.json').then((r) => r.json()).then((api) => {
  document.getElementById('about').textContent = api.info.description;
  const all = api.components.schemas;
  const main = document.querySelector('main');
  for (const tag of api.tags) {
    main.append(el('h2', tag.name), el('p', tag.description));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!(operation.tags || []).includes(tag.name)) continue;
        const box = el('details', '', el('summary', '', Object.assign(el('span', method.toUpperCase()), { className: 'method' }), el('code', path), ` ${operation.summary || ''}`));
        if (operation.description) box.append(el('p', operation.description));
        const body = operation.requestBody && Object.values(operation.requestBody.content)[0];
        if (operation.parameters) {
          const table = el('table');
          for (const p of operation.parameters) table.append(el('tr', '', el('td', '', el('code', p.name)), el('td', `${p.in}, ${name(p.schema)}`), el('td', p.description || '')));
          box.append(el('h4', 'Parameters'), table);
        }
        if (body) {
          box.append(el('h4', `Body: ${name(body.schema)}`), fields(body.schema, all));
          const example = body.example || (body.schema.$ref && all[name(body.schema)].example);
          if (example) box.append(el('pre', JSON.stringify(example, null, 2)));
        }
        for (const [status, response] of Object.entries(operation.responses)) {
          const content = response.content && Object.values(response.content)[0];
          box.append(el('h4', `${status} ${response.description || ''} ${content ? name(content.schema) : ''}`));
          if (content && !name(content.schema).startsWith('Problem')) box.append(fields(content.schema, all));
        }
        main.append(box);
      }
    }
  }
});
