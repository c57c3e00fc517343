// Look: Mantine's theme, restrained; colours of series in palette.ts.
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const sea: MantineColorsTuple = ['#e6fbf7', '#ccf3ec', '#9be6d8', '#66d8c3', '#3ccbb1', '#22b8a0', '#0f9c88', '#0f766e', '#115e59', '#134e4a'];
const dark: MantineColorsTuple = ['#d3d9df', '#b3bcc5', '#8b96a1', '#65717d', '#3a444e', '#2b333b', '#20262d', '#171c22', '#11151a', '#0c0f13'];

export const theme = createTheme({
	colors: { sea, dark },
	primaryColor: 'sea',
	primaryShade: { light: 7, dark: 7 },
	autoContrast: true,
	defaultRadius: 'sm',
	fontFamily: 'Inter, "Segoe UI", system-ui, -apple-system, Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif',
	fontFamilyMonospace: 'ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
	fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
	headings: { fontWeight: '600', sizes: { h1: { fontSize: '22px' }, h2: { fontSize: '18px' }, h3: { fontSize: '15px' }, h4: { fontSize: '14px' } } },
	components: {
		Button: { defaultProps: { size: 'sm' } },
		TextInput: { defaultProps: { size: 'sm' } },
		PasswordInput: { defaultProps: { size: 'sm' } },
		Select: { defaultProps: { size: 'sm', checkIconPosition: 'right' } },
		ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
		Menu: { defaultProps: { shadow: 'md', position: 'bottom-start' } },
		Modal: { defaultProps: { centered: true } },
	},
});

/** surfaces: the page, panels on it, hairlines between */
export const variables: CSSVariablesResolver = () => ({
	variables: {},
	light: {
		'--ft-page': '#f5f7f8',
		'--ft-panel': '#ffffff',
		'--ft-raised': '#f8fafb',
		'--ft-line': '#dfe4e8',
		'--ft-text': '#1c242b',
		'--ft-dim': '#5b6670',
		'--ft-hover': '#eef3f4',
		'--ft-hatch': 'rgba(60, 72, 84, 0.16)',
		'--mantine-color-text': '#1c242b',
		'--mantine-color-dimmed': '#5b6670',
	},
	dark: {
		'--ft-page': '#0f1317',
		'--ft-panel': '#171c22',
		'--ft-raised': '#1c2229',
		'--ft-line': '#2b333b',
		'--ft-text': '#dbe1e6',
		'--ft-dim': '#929daa',
		'--ft-hover': '#222931',
		'--ft-hatch': 'rgba(200, 210, 220, 0.13)',
		'--mantine-color-body': '#171c22',
		'--mantine-color-dimmed': '#929daa',
	},
});
