export function Logo({ size = 24 }: { size?: number }) {
	return (
		<svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
			<rect width="32" height="32" rx="7" fill="#0f766e" />
			<path d="M6 21c4 0 4-5 8-5s4 5 8 5 4-2 4-2" fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" />
			<path d="M6 14c4 0 4-5 8-5s4 5 8 5 4-2 4-2" fill="none" stroke="#99f6e4" strokeWidth="2.6" strokeLinecap="round" />
		</svg>
	);
}
