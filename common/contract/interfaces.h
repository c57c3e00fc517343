/*
 * interfaces.h - ingest -> readers: the interfaces of exporters by index, their names, descriptions, speeds and
 * roles, each with the time from which it is true; and the names of their VRFs by id, which are as much.
 *
 * 1 Ingest writes (all its threads, under one mutex of the process); queryd reads, and whoever wants to.
 * 2 Segment "interfaces", made by ingest when absent, removed by nobody, and filled then from ingest.lmdb, database
 *   "interfaces".  After that the segment is the truth; the file follows it, some slots a batch.
 * 3 A header line, then `capacity` slots of 256 bytes, of which those below `count` may be in use (`used`).  A slot is
 *   one version of an interface or VRF: of several of one (address, guid, kind, index) the one with the latest since_us not after
 *   a moment was true at that moment; before the first, the first counts.  Indexes get renumbered: a new name is a
 *   new version, a session is shown with the one of its own time.  since_us is the exporter's export time, so a
 *   replay of old traffic finds its place in history.
 * 4 `version` is odd while slots change.  A reader loads it (acquire), copies what it wants, and takes that if the
 *   version was even and is the same after them (acquire loads); else it tries again, some times, and then stays with
 *   what it had.
 * 5 Full (config netflow/maxinterfaces; an interface has FT_INTERFACE_VERSIONS at most, the oldest goes; one exporter
 *   may fill half): what was told is not taken, counted in `bound_hits`.
 * 6 Crash: a start of ingest that finds the version even writes into the file what that lacks.  An odd one (killed while
 *   it changed a slot) stays until then; the slots are written anew from LMDB, and readers stay with what they had.
 * 7 Version 1.0.   8 Tests: tests/unit/interface_test.c, tests/e2e/test_names.py.
 */
#ifndef FT_CONTRACT_INTERFACES_H
#define FT_CONTRACT_INTERFACES_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_INTERFACES_MAGIC "FTINTERF"
#define FT_INTERFACES_VERSION 0x00010000u
#define FT_INTERFACES_LAYOUT FT_LAYOUT2(sizeof(struct ft_interface), sizeof(struct ft_interfaces))
enum { FT_INTERFACE_VERSIONS = 8 };

/* what an interface is to the network; decided by an administrator's rules */
enum { FT_ROLE_UNKNOWN = 0, FT_ROLE_EXTERNAL = 1, FT_ROLE_INTERNAL = 2 };
/* who told a value; a stronger one is not overwritten by a weaker one */
enum { FT_FROM_NOBODY = 0, FT_FROM_EXPORTER = 1, FT_FROM_SNMP = 2, FT_FROM_FILE = 3 };

/* what a slot is about; a VRF has a name, and no description, speed or role */
enum { FT_KIND_INTERFACE = 0, FT_KIND_VRF = 1 };

struct ft_interface {
	uint8_t address[16], guid[16]; /* exporter, as in exporters.h */
	uint32_t index;                /* ifIndex; of a VRF its id (element 234) */
	uint8_t used, role;
	uint8_t from_name, from_description, from_speed; /* FT_FROM_* */
	uint8_t kind;                                    /* FT_KIND_* */
	uint8_t pad[2];
	uint32_t exporter; /* id of who told it first; 0: an administrator */
	int64_t since_us;
	uint64_t speed; /* bits a second; 0 unknown */
	char name[64];  /* NUL terminated, UTF-8 without control characters; "" unknown */
	char description[128];
};
static_assert(sizeof(struct ft_interface) == 256, "an interface is four lines");

struct ft_interfaces {
	struct ft_seg_header seg;
	_Atomic uint64_t version;
	uint32_t capacity, count;
	uint8_t fill[FT_LINE - 16];
	struct ft_interface slot[];
};

#endif
