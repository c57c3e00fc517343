// Colours of series, by the `colour` index of a row.  Told apart by people with red-green blindness (Okabe and Ito's set,
// extended by lighter and darker relatives), and against both grounds.
const DARK = ['#4ea8de', '#f4a259', '#3cbf9a', '#e4717a', '#f2d16b', '#b48be0', '#8fd3e8', '#d98ac0', '#a3c96a', '#c9a27e', '#6f87e0', '#5fb3a1'];
const LIGHT = ['#1f77b4', '#e07b18', '#0f8f6f', '#cc3d4c', '#c79a00', '#7d4fb8', '#3a9cbb', '#b04a93', '#6b9527', '#936740', '#3f55c0', '#2c7f70'];
export const OTHER = { dark: '#5a6672', light: '#b4bdc6' };

export function colour(index: number, dark: boolean): string {
	const set = dark ? DARK : LIGHT;
	return set[((index % set.length) + set.length) % set.length] as string;
}
