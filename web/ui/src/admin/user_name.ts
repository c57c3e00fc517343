/** why a text is no user name, null if it is one; the server has the last word */
export function nameProblem(name: string): string | null {
	if (name === '') return null;
	const n = [...name].length;
	if (n < 2 || n > 32) return 'A name has 2 to 32 characters.';
	if (name !== name.trim()) return 'A name neither begins nor ends with a space.';
	if (name.startsWith('_')) return 'A name does not begin with an underscore.';
	if (/[/:<>]/.test(name)) return 'A name has none of / : < >';
	return null;
}
