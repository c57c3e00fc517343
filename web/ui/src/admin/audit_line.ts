// 2026-11-24T13:40:00.123456Z user="admin" from=127.0.0.1 act=users.add name="joe" admin=true
export interface AuditLine {
	us: number | null;
	user: string;
	from: string;
	act: string;
	/** what is left, as it stands */
	details: string;
	failed: string | null;
}

export function auditLine(text: string): AuditLine {
	const space = text.indexOf(' ');
	const stamp = space < 0 ? text : text.slice(0, space);
	const ms = Date.parse(stamp);
	const out: AuditLine = { us: Number.isNaN(ms) ? null : ms * 1000, user: '', from: '', act: '', details: '', failed: null };
	const rest = out.us === null ? text : text.slice(space + 1);
	const details: string[] = [];
	// a value is a JSON string, or has no space
	for (const m of rest.matchAll(/([A-Za-z_]+)=("(?:[^"\\]|\\.)*"|\S*)|\S+/g)) {
		const name = m[1];
		const raw = m[2] ?? '';
		let value = raw;
		if (raw.startsWith('"'))
			try {
				value = String(JSON.parse(raw));
			} catch {
				value = raw;
			}
		if (name === 'user' && out.user === '') out.user = value;
		else if (name === 'from' && out.from === '') out.from = value;
		else if (name === 'act' && out.act === '') out.act = value;
		else if (name === 'failed') out.failed = value;
		else details.push(m[0]);
	}
	out.details = details.join(' ');
	return out;
}
