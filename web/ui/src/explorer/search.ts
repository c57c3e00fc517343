// The search box: what people type, as a filter that the server runs over every session of the frame.
//   10.1.2.3  2001:db8::/32   address or block        443  80-90  PORT        tcp udp icmp…  protocol
//   AS3320                    autonomous system       DE           country    aa:bb:cc:dd:ee:ff  MAC
//   anything else             application
// Several words must all match.

const PROTOCOLS = new Set(['tcp', 'udp', 'icmp', 'icmpv6', 'gre', 'esp', 'ah', 'sctp', 'ospf', 'igmp']);
const V4 = /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/;
const V6 = /^[0-9a-f]*:[0-9a-f:.]*(\/\d{1,3})?$/i;
const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;

function term(word: string): string {
	if (MAC.test(word)) return `MAC == ${word.replaceAll('-', ':').toLowerCase()}`;
	if (V4.test(word) || (V6.test(word) && word.includes(':'))) return `ADDR == ${word}`;
	const range = /^(\d{1,5})-(\d{1,5})$/.exec(word);
	if (range) return `PORT in (${range[1]}-${range[2]})`;
	if (/^\d{1,5}$/.test(word) && Number(word) < 65536) return `PORT == ${word}`;
	if (/^\d+$/.test(word)) return `SESSION == ${word}`;
	const as = /^AS(\d+)$/i.exec(word);
	if (as) return `ASN == ${as[1]}`;
	if (PROTOCOLS.has(word.toLowerCase())) return `PROTO == ${word.toUpperCase()}`;
	if (/^[A-Z]{2}$/.test(word)) return `CC == ${word}`;
	return `APP == ${/^[\w.-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, '\\$&')}"`}`;
}

export function searchFilter(text: string): string {
	return text
		.trim()
		.split(/\s+/)
		.filter((w) => w !== '')
		.map(term)
		.join(' && ');
}

/** both must hold; either may be empty */
export function bothFilters(a: string, b: string): string {
	const x = a.trim();
	const y = b.trim();
	if (x === '' || y === '') return x || y;
	return `(${x}) && ${/\|\||\^|\bor\b|\bxor\b/i.test(y) ? `(${y})` : y}`;
}
