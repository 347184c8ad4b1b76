// One line a test, and why it failed; `run` counts the lines.

import { inspect } from 'node:util';

export default async function* report(events) {
    for await (const { type, data } of events) {
        if (type === 'test:pass' && data.skip !== undefined) {
            yield `skipped ${data.name}\n`;
        } else if (type === 'test:pass') {
            yield `ok      ${data.name}\n`;
        } else if (type === 'test:fail') {
            yield `FAILED  ${data.name}\n${indented(data.details.error)}\n`;
        } else if (type === 'test:stdout' || type === 'test:stderr') {
            yield indented(data.message.trimEnd()) + '\n';
        }
    }
}

function indented(what) {
    const text = typeof what === 'string' ? what : inspect(what?.cause ?? what);
    return text.replace(/^/gm, '        ');
}
