import { describe, expect, it } from 'vitest';
import { auditLine } from './audit_line';
import { groupLines, groupText } from './group_text';
import { nameProblem } from './user_name';

describe('audit lines', () => {
	it('are taken apart', () => {
		expect(auditLine('2026-11-24T13:40:00.123456Z user="admin" from=127.0.0.1 act=users.add name="j \\"x\\" act=fake" admin=true')).toEqual({
			us: Date.parse('2026-11-24T13:40:00.123Z') * 1000, user: 'admin', from: '127.0.0.1', act: 'users.add', details: 'name="j \\"x\\" act=fake" admin=true', failed: null,
		});
	});
	it('say what failed', () => expect(auditLine('2026-11-24T13:40:00Z user="a" from=::1 act=users.delete failed="is logged in"').failed).toBe('is logged in'));
	it('are shown as they are when they are of another form', () => expect(auditLine('something else').details).toBe('something else'));
});

describe('traffic groups', () => {
	it('go to text and back', () => {
		const groups = [{ name: 'A/B', blocks: ['10.0.0.0/8', '2001:db8::/32'] }];
		expect(groupLines(groupText(groups))).toEqual({ groups, problem: null });
	});
	it('name the line that is wrong', () => {
		expect(groupLines('A = 10.0.0.0/8\nB').problem).toMatch(/^Line 2/);
		expect(groupLines('A = nonsense').problem).toMatch(/no address block/);
	});
});

describe('user names', () => {
	it.each(['jo', 'Zoë van Dam', 'ü'.repeat(32)])('%s is one', (n) => expect(nameProblem(n)).toBe(null));
	it.each(['j', '_x1', 'a/b', '<script>', ' ab', 'x'.repeat(33)])('%s is none', (n) => expect(nameProblem(n)).not.toBe(null));
});
