// docs/devices.md as the interface shows it: sections with their commands, this host's address filled in.
export interface Device {
	title: string;
	/** paragraphs and code, in order */
	blocks: { code: boolean; text: string }[];
}

const LEFT_OUT = /^(What to set|Beside a collector|Checking|IPFIX over)/;

export function devicesOf(markdown: string): Device[] {
	return markdown
		.split(/^## /m)
		.slice(1)
		.map((part): Device => {
			const [title = '', ...lines] = part.split('\n');
			const blocks: Device['blocks'] = [];
			for (const line of lines) {
				const code = line.startsWith('    ');
				const last = blocks.at(-1);
				if (line.trim() === '') {
					if (last) last.text += '\n';
				} else if (last && last.code === code) last.text += `${code ? line.slice(4) : line}\n`;
				else blocks.push({ code, text: `${code ? line.slice(4) : line}\n` });
			}
			return { title: title.trim(), blocks: blocks.map((b) => ({ ...b, text: b.text.replace(/\n+$/, '') })) };
		})
		.filter((d) => !LEFT_OUT.test(d.title) && d.blocks.some((b) => b.code));
}

/** COLLECTOR and the port, as they are here */
export function filled(text: string, host: string, port: number): string {
	return text.replaceAll('COLLECTOR', host).replace(/\b2055\b/g, String(port));
}
