/* SPDX-License-Identifier: MIT */
/* The contract with a plugin: its entry, and what must be in its table. */
#include <stdio.h>
#include <string.h>

#include "dl.h"
#include "loader.h"

/* More private state than this for one handle is a mistake. */
#define PRIV_MAX (UINT64_C(1) << 20)

/* Of major 0 to 9: the names of entries to look for when ours isn't there. */
#define MAJOR_MAX 9u

#define PRIORITY_MAX 199u
#define PRIORITY_MAX_FOREIGN 99u

/* Tables end here at least: what follows is optional. */
#define SIZE_MIN                                                                                   \
	(offsetof(struct hy_backend, vcpu_set_regs) +                                              \
	 sizeof(((struct hy_backend *)0)->vcpu_set_regs))

/* Every operation is a function pointer, and all of those have one size. */
typedef void (*operation)(void);

struct member {
	size_t offset;
	const char *name;
};
#define MEMBER(name) { offsetof(struct hy_backend, name), #name }

static const struct member required[] = {
	MEMBER(probe),       MEMBER(open),          MEMBER(close),         MEMBER(cap),
	MEMBER(vm_create),   MEMBER(vm_destroy),    MEMBER(memory_map),    MEMBER(memory_unmap),
	MEMBER(vcpu_create), MEMBER(vcpu_destroy),  MEMBER(vcpu_run),      MEMBER(vcpu_complete),
	MEMBER(vcpu_poke),   MEMBER(vcpu_get_regs), MEMBER(vcpu_set_regs),
};

static const struct member pairs[][2] = {
	{ MEMBER(memory_alloc), MEMBER(memory_free) },
	{ MEMBER(x86_get_xsave), MEMBER(x86_set_xsave) },
};

static const struct member sizes[] = {
	MEMBER(host_size),
	MEMBER(vm_size),
	MEMBER(vcpu_size),
};

static const struct member strings[] = {
	MEMBER(name),
	MEMBER(summary),
	MEMBER(version),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_set(const struct hy_backend *ops, const struct member *member)
{
	operation value;

	memcpy(&value, (const char *)ops + member->offset, sizeof(value));
	return value != NULL;
}

/* --- The table ----------------------------------------------------------------------- */

static int check_version(const struct hy_backend *table, struct hy__verdict *verdict)
{
	bool minor_ok = HY_BACKEND_ABI_MAJOR > 0 || table->abi_minor == HY_BACKEND_ABI_MINOR;

	if (table->abi_major == HY_BACKEND_ABI_MAJOR && minor_ok)
		return 0;
	return hy__refuse(verdict, HY_STAGE_ABI,
	                  "built for backend ABI %u.%u, this libhy speaks %u.%u", table->abi_major,
	                  table->abi_minor, HY_BACKEND_ABI_MAJOR, HY_BACKEND_ABI_MINOR);
}

static int check_services(const struct hy_backend *ops, struct hy__verdict *verdict)
{
	if (ops->min_services_minor <= HY_BACKEND_ABI_MINOR)
		return 0;
	return hy__refuse(verdict, HY_STAGE_ABI, "needs libhy backend ABI %u.%u, this is %u.%u",
	                  HY_BACKEND_ABI_MAJOR, ops->min_services_minor, HY_BACKEND_ABI_MAJOR,
	                  HY_BACKEND_ABI_MINOR);
}

static int check_operations(const struct hy_backend *ops, struct hy__verdict *verdict)
{
	for (size_t i = 0; i < COUNT(required); i++) {
		if (!is_set(ops, &required[i]))
			return hy__refuse(verdict, HY_STAGE_ABI, "required operation %s is NULL",
			                  required[i].name);
	}
	for (size_t i = 0; i < COUNT(pairs); i++) {
		bool first = is_set(ops, &pairs[i][0]);

		if (first != is_set(ops, &pairs[i][1]))
			return hy__refuse(verdict, HY_STAGE_ABI, "operation %s is there without %s",
			                  pairs[i][!first].name, pairs[i][first].name);
	}
	return 0;
}

static int check_data(const struct hy_backend *ops, struct hy__verdict *verdict)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t size;

		memcpy(&size, (const char *)ops + sizes[i].offset, sizeof(size));
		if (size > PRIV_MAX)
			return hy__refuse(verdict, HY_STAGE_ABI, "%s is %llu, more than %llu",
			                  sizes[i].name, (unsigned long long)size,
			                  (unsigned long long)PRIV_MAX);
	}
	for (size_t i = 0; i < COUNT(strings); i++) {
		const char *string;

		memcpy(&string, (const char *)ops + strings[i].offset, sizeof(string));
		if (!string)
			return hy__refuse(verdict, HY_STAGE_ABI, "%s is NULL", strings[i].name);
	}
	if (ops->arches == 0)
		return hy__refuse(verdict, HY_STAGE_ABI, "it has no guest architecture");
	if (hy__has_arch(ops, HY_ARCH_CUSTOM) && !ops->vcpu_reset)
		return hy__refuse(verdict, HY_STAGE_ABI, "HY_ARCH_CUSTOM needs operation vcpu_reset, which is NULL");
	return 0;
}

static int check_name(const struct hy_backend *ops, const char *name, const char *name_says,
                      struct hy__verdict *verdict)
{
	if (strcmp(ops->name, name) == 0)
		return 0;
	return hy__refuse(verdict, HY_STAGE_ABI, "calls itself '%.*s', %s '%s'", HY__NAME_MAX, ops->name, name_says,
	                  name);
}

static int read_table(const struct hy_backend *table, const char *name, const char *name_says, struct hy_backend *ops,
                      struct hy__verdict *verdict)
{
	int status = check_version(table, verdict);

	if (status != 0)
		return status;
	if (table->size < SIZE_MIN)
		return hy__refuse(verdict, HY_STAGE_ABI,
		                  "table is %u bytes, the smallest valid one is %zu", table->size,
		                  SIZE_MIN);
	memset(ops, 0, sizeof(*ops));
	memcpy(ops, table, table->size < sizeof(*ops) ? table->size : sizeof(*ops));
	status = check_services(ops, verdict);
	if (status == 0)
		status = check_operations(ops, verdict);
	if (status == 0)
		status = check_data(ops, verdict);
	if (status == 0)
		status = check_name(ops, name, name_says, verdict);
	if (status == 0)
		hy__fill_defaults(ops);
	return status;
}

/* --- The entry ------------------------------------------------------------------------- */

static int refuse_entry(void *module, struct hy__verdict *verdict)
{
	char entry[32];

	for (unsigned major = 0; major <= MAJOR_MAX; major++) {
		snprintf(entry, sizeof(entry), "hy_backend_entry_v%u", major);
		if (hy__dl_symbol(module, entry))
			return hy__refuse(verdict, HY_STAGE_ABI,
			                  "built for backend ABI %u, this libhy speaks %u", major,
			                  HY_BACKEND_ABI_MAJOR);
	}
	if (hy__dl_symbol(module, "hy_report_create"))
		return hy__refuse(verdict, HY_STAGE_ABI,
		                  "this is libhy itself, not a backend of it");
	return hy__refuse(verdict, HY_STAGE_ABI, "no symbol %s: not a libhy backend",
	                  HY_BACKEND_ENTRY_NAME);
}

int hy__abi_find(void *module, hy_backend_entry **entry, struct hy__verdict *verdict)
{
	void *symbol = hy__dl_symbol(module, HY_BACKEND_ENTRY_NAME);

	if (!symbol)
		return refuse_entry(module, verdict);
	/* C has no conversion between pointers to data and to functions. */
	memcpy(entry, &symbol, sizeof(*entry));
	return 0;
}

int hy__abi_read(hy_backend_entry *entry, const char *name, const char *name_says, struct hy_backend *ops,
                 struct hy__verdict *verdict)
{
	const struct hy_backend *table;
	const char *before;

	before = hy__enter_backend(name);
	table = entry(&hy__services);
	hy__leave_backend(before);
	if (!table)
		return hy__refuse(verdict, HY_STAGE_ABI,
		                  "its entry returned NULL: this build of it can do nothing");
	return read_table(table, name, name_says, ops, verdict);
}

uint32_t hy__abi_priority(uint32_t priority, bool trusted)
{
	uint32_t most = trusted ? PRIORITY_MAX : PRIORITY_MAX_FOREIGN;

	return priority < most ? priority : most;
}
