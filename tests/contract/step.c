/*
 * step.c - see step.h.
 *
 * Speed.  A step costs two context switches, a few microseconds.  Comparing the regions each time would cost
 * as much again or more, so instructions that certainly store nothing into a region are recognised and
 * remembered by address (may_store): loads, compares, jumps, and pushes and calls, which store on the stack.
 * Whatever is not known for certain is compared.  The child is a fork, so its code is at the same addresses
 * as ours and can be read here.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "tests/contract/step.h"

enum { CHUNK = 4096, HANG_S = 10, SHOWN = 8, SEEN = 1 << 16 };

#if defined(__SANITIZE_THREAD__)
enum { CAN_STEP = 0 };
#elif defined(__x86_64__)
enum { CAN_STEP = 1 };
#else
enum { CAN_STEP = 0 };
#endif

struct run {
	const struct step_test *t;
	struct step_result result;
	void *shadow[STEP_REGIONS]; /* the regions as after the instruction before */
	void *copy[STEP_REGIONS];   /* for recover() and finish() in the parent */
	void *second[STEP_REGIONS]; /* MAP_SHARED: where a stepped recovery works */
	void *shadow2[STEP_REGIONS];
	void *live[STEP_REGIONS];
	mono_t began;
	bool soak;
	unsigned shown;
	uint64_t since[STEP_REGIONS]; /* changes of a region since the last check */
};

static sigjmp_buf escape;
static volatile sig_atomic_t checking;

/* ---- which instructions can store into a region ------------------------------------------------- */

#if defined(__x86_64__)
/* 0F xx: operand-size and repeat prefixes included; loads and register moves only */
static bool
two_byte_is_harmless(uint8_t op)
{
	if (op >= 0x80 && op <= 0x8f) /* jcc */
		return true;
	if (op >= 0x40 && op <= 0x4f) /* cmovcc */
		return true;
	switch (op) {
	case 0x10: /* movups and kin, to a register */
	case 0x12:
	case 0x14:
	case 0x16:
	case 0x1e: /* endbr64, nop */
	case 0x1f: /* nop */
	case 0x28:
	case 0x2e: /* ucomis */
	case 0x2f:
	case 0x54:
	case 0x57:
	case 0x58:
	case 0x59:
	case 0x5c:
	case 0x5e:
	case 0x60:
	case 0x61:
	case 0x62:
	case 0x6c:
	case 0x6e:
	case 0x6f:
	case 0x70:
	case 0x74:
	case 0x75:
	case 0x76:
	case 0xa3: /* bt */
	case 0xaf: /* imul */
	case 0xb6: /* movzx, movsx */
	case 0xb7:
	case 0xbc: /* bsf, bsr, tzcnt */
	case 0xbd:
	case 0xbe:
	case 0xbf:
	case 0xd4:
	case 0xd7: /* pmovmskb */
	case 0xda:
	case 0xdb:
	case 0xeb:
	case 0xef:
	case 0xfe:
		return true;
	default:
		return false;
	}
}

/* Decode just enough of an x86-64 instruction to say that it can't store into a region.  true: it may. */
static bool
may_store(const uint8_t *p)
{
	bool repeat = false;
	for (;; p++) {
		if (*p == 0xf2 || *p == 0xf3)
			repeat = true;
		else if (*p != 0x66 && *p != 0x2e && *p != 0x3e && *p != 0x64 && *p != 0x65)
			break;
	}
	if ((*p & 0xf0) == 0x40) /* REX */
		p++;
	uint8_t op = p[0], modrm = p[1], reg = (uint8_t)(modrm >> 3 & 7);
	bool to_register = modrm >= 0xc0;
	if (op == 0x0f)
		return !two_byte_is_harmless(p[1]);
	if (repeat && op >= 0xa4 && op <= 0xaf)
		return true;
	if (op < 0x40)
		/* add or adc sbb and sub xor: r/m,r (0, 1) store; r,r/m (2, 3) and accumulator (4, 5) do not; cmp
		 * never */
		return op < 0x38 && (op & 7) < 2 && !to_register;
	if (op >= 0x50 && op <= 0x5f) /* push, pop register */
		return false;
	if (op >= 0x70 && op <= 0x7f) /* jcc */
		return false;
	if (op >= 0xb0 && op <= 0xbf) /* mov register, constant */
		return false;
	switch (op) {
	case 0x63: /* movsxd */
	case 0x68: /* push constant */
	case 0x6a:
	case 0x69: /* imul */
	case 0x6b:
	case 0x84: /* test */
	case 0x85:
	case 0x8a: /* mov to a register */
	case 0x8b:
	case 0x8d: /* lea */
	case 0x90: /* nop */
	case 0x98: /* cdqe */
	case 0x99: /* cqo */
	case 0xa8: /* test */
	case 0xa9:
	case 0xc2: /* ret */
	case 0xc3:
	case 0xc9: /* leave */
	case 0xe8: /* call */
	case 0xe9: /* jmp */
	case 0xeb:
		return false;
	case 0x80:
	case 0x81:
	case 0x83:
		return reg != 7 && !to_register; /* cmp does not store */
	case 0x88:                               /* mov r/m,r */
	case 0x89:
	case 0xc0: /* shifts */
	case 0xc1:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xc6:
	case 0xc7:
		return !to_register;
	case 0xf6:
	case 0xf7: /* test; mul and div work on registers; not, neg store */
		return (reg == 2 || reg == 3) && !to_register;
	case 0xff: /* inc, dec store; call, jmp, push do not */
		return reg < 2 && !to_register;
	default:
		return true;
	}
}

/* may_store(), remembered */
static bool
may_store_at(uint64_t rip)
{
	static uint64_t seen[SEEN]; /* address << 1 | answer */
	uint64_t *s = &seen[(rip * 0x9e3779b97f4a7c15ull) >> 48 & (SEEN - 1)];
	if (*s >> 1 != rip)
		*s = rip << 1 | may_store((const uint8_t *)(uintptr_t)rip);
	return *s & 1;
}

static uint64_t
rip_of(pid_t child)
{
	errno = 0;
	return (uint64_t)ptrace(PTRACE_PEEKUSER, child, offsetof(struct user_regs_struct, rip), NULL);
}
#else
static bool
may_store_at(uint64_t rip)
{
	(void)rip;
	return true;
}
static uint64_t
rip_of(pid_t child)
{
	(void)child;
	return 0;
}
#endif

/* ---- memory ------------------------------------------------------------------------------------- */

static void *
map(size_t size, int kind)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

void *
step_region(struct step_test *t, const char *name, size_t size)
{
	CHECK(t->regions < STEP_REGIONS);
	struct step_region *r = &t->region[t->regions++];
	*r = (struct step_region){.name = name, .size = size, .base = map(size, MAP_SHARED)};
	return r->base;
}

void
step_free(struct step_test *t)
{
	for (unsigned i = 0; i < t->regions; i++)
		(void)munmap(t->region[i].base, t->region[i].size);
	t->regions = 0;
}

static void
copy_all(const struct run *r, void *const *to, void *const *from)
{
	for (unsigned i = 0; i < r->t->regions; i++)
		memcpy(to[i], from[i], r->t->region[i].size);
}

/* Bring the shadow up to date; returns a bit for each region that differed. */
static unsigned
changes(const struct run *r, void *const *shadow, void *const *now)
{
	unsigned bits = 0;
	for (unsigned i = 0; i < r->t->regions; i++) {
		size_t size = r->t->region[i].size;
		if (memcmp(shadow[i], now[i], size) == 0)
			continue;
		bits |= 1u << i;
		for (size_t at = 0; at < size; at += CHUNK) {
			size_t n = size - at < CHUNK ? size - at : CHUNK;
			uint8_t *s = (uint8_t *)shadow[i] + at;
			const uint8_t *l = (const uint8_t *)now[i] + at;
			if (memcmp(s, l, n) != 0)
				memcpy(s, l, n);
		}
	}
	return bits;
}

/* ---- one crash point ---------------------------------------------------------------------------- */

static void
on_crash(int sig)
{
	if (checking)
		siglongjmp(escape, sig);
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
print_place(uint64_t rip)
{
	Dl_info info;
	if (rip == 0 || dladdr((void *)(uintptr_t)rip, &info) == 0 || info.dli_fname == NULL) {
		printf("%#" PRIx64, rip);
		return;
	}
	const char *file = strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe";
	char exe[512], command[700], line[300] = "";
	ssize_t n = readlink(file, exe, sizeof exe - 1);
	if (n > 0)
		exe[n] = '\0';
	else
		(void)snprintf(exe, sizeof exe, "%s", file);
	uint64_t offset = rip - (uint64_t)(uintptr_t)info.dli_fbase;
	(void)snprintf(command, sizeof command, "addr2line -fpse '%s' %#" PRIx64 " 2>/dev/null", exe, offset);
	FILE *f = popen(command, "r");
	if (f != NULL) {
		if (fgets(line, sizeof line, f) != NULL)
			line[strcspn(line, "\n")] = '\0';
		(void)pclose(f);
	}
	printf("%#" PRIx64 " %s", rip, line);
}

static void
failed(struct run *r, const char *phase, uint64_t step, uint64_t rip, const char *why)
{
	r->result.failures++;
	if (r->t->quiet || r->shown >= SHOWN)
		return;
	r->shown++;
	printf("  %s: killed in %s after instruction %" PRIu64 " at ", r->t->name, phase, step);
	print_place(rip);
	printf(": %s\n", why);
}

/* Recover and finish a copy of `left`; false and why if the result is not the truth. */
static bool
try_copy(struct run *r, void *const *left, char *why, size_t n)
{
	volatile bool good = false; /* survives the jump */
	static const struct itimerval hang = {.it_value = {.tv_sec = HANG_S}}, none;
	copy_all(r, r->copy, left);
	r->result.checked++;
	why[0] = '\0';
	int sig = sigsetjmp(escape, 1);
	if (sig == 0) {
		checking = 1;
		(void)setitimer(ITIMER_REAL, &hang, NULL);
		r->t->recover(r->t->ctx, r->copy);
		good = r->t->finish(r->t->ctx, r->copy, why, n);
	} else {
		(void)snprintf(why, n, "recovery %s",
			sig == SIGALRM   ? "hangs"
			: sig == SIGABRT ? "aborts"
					 : "crashes");
	}
	checking = 0;
	(void)setitimer(ITIMER_REAL, &none, NULL);
	return good;
}

/* ---- stepping a child --------------------------------------------------------------------------- */

/* Fork a child that stops, runs f under the parent's steps, and ends with SIGUSR1. */
static pid_t
start_child(struct run *r, void (*f)(void *, void *const *), void *const *at)
{
	(void)fflush(NULL);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		for (int sig = 1; sig < 32; sig++)
			(void)signal(sig, SIG_DFL);
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		f(r->t->ctx, at);
		(void)raise(SIGUSR1);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	(void)ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL);
	return child;
}

enum step_end { STEPPING, STEP_DONE, STEP_DIED };

/* One instruction.  rip is where the child stands; updated. */
static enum step_end
step_once(pid_t child, uint64_t *rip)
{
	int status;
	if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child)
		return STEP_DIED;
	if (!WIFSTOPPED(status))
		return STEP_DIED;
	if (WSTOPSIG(status) == SIGUSR1)
		return STEP_DONE;
	if (WSTOPSIG(status) != SIGTRAP)
		return STEP_DIED;
	*rip = rip_of(child);
	return STEPPING;
}

static void
end_child(pid_t child)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

/* Step recover() from the state in r->live, checking after each change. */
static void
step_recovery(struct run *r, uint64_t from_step, uint64_t most)
{
	char why[256], phase[64];
	copy_all(r, r->second, r->live);
	copy_all(r, r->shadow2, r->live);
	(void)snprintf(phase, sizeof phase, "recovery from point %" PRIu64 ",", from_step);
	pid_t child = start_child(r, r->t->recover, r->second);
	uint64_t rip = rip_of(child), steps = 0;
	r->result.recoveries++;
	for (;;) {
		uint64_t at = rip;
		enum step_end e = step_once(child, &rip);
		if (e == STEP_DONE)
			break;
		if (e == STEP_DIED || ++steps > most) {
			failed(r, phase, steps, at, e == STEP_DIED ? "the child crashed" : "it does not end");
			break;
		}
		if (!may_store_at(at) || changes(r, r->shadow2, r->second) == 0)
			continue;
		r->result.recovery_changed++;
		if (!try_copy(r, r->second, why, sizeof why))
			failed(r, phase, steps, at, why);
	}
	end_child(child);
}

/* Is this change worth a check?  Regions with `every` count theirs. */
static bool
due(struct run *r, unsigned bits)
{
	bool yes = false;
	for (unsigned i = 0; i < r->t->regions; i++) {
		if (!(bits & 1u << i))
			continue;
		unsigned every = r->t->region[i].every;
		if (++r->since[i] >= every || every < 2) {
			yes = true;
			r->since[i] = 0;
		}
	}
	return yes;
}

static void
step_work(struct run *r)
{
	const struct step_test *t = r->t;
	char why[256];
	unsigned every = r->soak ? 1 : t->recovery_every ? t->recovery_every : 101;
	int64_t budget_us = (int64_t)(t->budget_s ? t->budget_s : 40) * 1000000;
	uint64_t most = t->most_steps ? t->most_steps : 3000000, points = 0;
	pid_t child = start_child(r, t->work, r->live);
	uint64_t rip = rip_of(child);
	copy_all(r, r->shadow, r->live);
	for (;;) {
		uint64_t at = rip;
		enum step_end e = step_once(child, &rip);
		if (e == STEP_DONE)
			break;
		if (e == STEP_DIED || ++r->result.instructions > most) {
			failed(r, "work", r->result.instructions, at,
				e == STEP_DIED ? "the child crashed" : "it does not end");
			break;
		}
		if (!may_store_at(at))
			continue;
		unsigned bits = changes(r, r->shadow, r->live);
		if (bits == 0)
			continue;
		r->result.changed++;
		if (!due(r, bits))
			continue;
		if (!try_copy(r, r->live, why, sizeof why))
			failed(r, "work", r->result.instructions, at, why);
		if (points++ % every == 0 && (r->soak || mono_since(mono_now(), r->began).us < budget_us))
			step_recovery(r, r->result.instructions, most);
	}
	/* a store that was ruled out wrongly would show here */
	unsigned missed = changes(r, r->shadow, r->live);
	if (missed != 0)
		failed(r, "work", r->result.instructions, 0, "step.c overlooked a store: mend may_store()");
	end_child(child);
}

struct step_result
step_run(const struct step_test *t)
{
	struct run r = {.t = t, .began = mono_now()};
	const char *soak = getenv("FT_SOAK");
	char why[256];
	r.soak = soak != NULL && *soak != '\0' && strcmp(soak, "0") != 0;
	if (!CAN_STEP) {
		printf("%s: skipped, this build can't be single-stepped (thread sanitizer, or not x86-64)\n",
			t->name);
		r.result.skipped = true;
		return r.result;
	}
	static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
	struct sigaction act = {.sa_handler = on_crash}, old[6];
	for (unsigned i = 0; i < 6; i++)
		(void)sigaction(signals[i], &act, &old[i]);
	for (unsigned i = 0; i < t->regions; i++) {
		size_t size = t->region[i].size;
		r.live[i] = t->region[i].base;
		r.shadow[i] = map(size, MAP_PRIVATE);
		r.shadow2[i] = map(size, MAP_PRIVATE);
		r.copy[i] = map(size, MAP_PRIVATE);
		r.second[i] = map(size, MAP_SHARED);
	}
	/* killed before the first instruction */
	if (!try_copy(&r, r.live, why, sizeof why))
		failed(&r, "work", 0, 0, why);
	step_work(&r);
	for (unsigned i = 0; i < t->regions; i++) {
		size_t size = t->region[i].size;
		(void)munmap(r.shadow[i], size);
		(void)munmap(r.shadow2[i], size);
		(void)munmap(r.copy[i], size);
		(void)munmap(r.second[i], size);
	}
	for (unsigned i = 0; i < 6; i++)
		(void)sigaction(signals[i], &old[i], NULL);
	printf("%s: %" PRIu64 " instructions, %" PRIu64 " changed shared memory, %" PRIu64
	       " recoveries stepped (%" PRIu64 " changes), %" PRIu64 " states checked, %" PRIu64
	       " wrong, %.1f s\n",
		t->name, r.result.instructions, r.result.changed, r.result.recoveries,
		r.result.recovery_changed, r.result.checked, r.result.failures,
		(double)mono_since(mono_now(), r.began).us / 1e6);
	(void)fflush(stdout);
	return r.result;
}
