/* SPDX-License-Identifier: MIT */
/* CPUID tables: what the host can give, and each vCPU's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm.h"

#define FIRST_ROOM 64
#define MAX_ROOM 4096

/* The range of leaves where hypervisors introduce themselves. */
#define PARAVIRT_FIRST 0x40000000u
#define PARAVIRT_LAST 0x4fffffffu

/* Leaf 1 (SDM vol. 2, CPUID). */
#define LEAF1_EBX_APIC_ID_SHIFT 24
#define LEAF1_EBX_APIC_ID 0xff000000u
#define LEAF1_ECX_X2APIC (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR (1u << 31)

/* Leaves with the whole APIC id: EDX of two, EAX of AMD's. */
#define LEAF_TOPOLOGY 0xbu
#define LEAF_TOPOLOGY_V2 0x1fu
#define LEAF_AMD_TOPOLOGY 0x8000001eu

static struct kvm_cpuid2 *alloc_table(uint32_t room)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + room * sizeof(table->entries[0]));

	if (table)
		table->nent = room;
	return table;
}

/* Asks with more and more room.  0 or a negative errno value. */
static int ask_supported(int fd, struct kvm_cpuid2 **table)
{
	int r = -E2BIG;

	for (uint32_t room = FIRST_ROOM; r == -E2BIG && room <= MAX_ROOM; room *= 2) {
		*table = alloc_table(room);
		if (!*table)
			return -ENOMEM;
		r = kvm_sys->ioctl(fd, KVM_GET_SUPPORTED_CPUID, *table);
		if (r < 0)
			free(*table);
	}
	return r;
}

/* The APIC id is of the processor that happened to answer. */
static void set_apic_id(struct hy_x86_cpuid *line, uint32_t id)
{
	switch (line->leaf) {
	case 1:
		line->ebx = (line->ebx & ~LEAF1_EBX_APIC_ID) | id << LEAF1_EBX_APIC_ID_SHIFT;
		break;
	case LEAF_TOPOLOGY:
	case LEAF_TOPOLOGY_V2:
		line->edx = id;
		break;
	case LEAF_AMD_TOPOLOGY:
		line->eax = id;
		break;
	}
}

/* What needs KVM's own APIC can't be promised without it. */
static void clean(struct hy_x86_cpuid *line)
{
	set_apic_id(line, 0);
	if (line->leaf != 1)
		return;
	line->ecx &= ~(LEAF1_ECX_X2APIC | LEAF1_ECX_TSC_DEADLINE);
	line->ecx |= LEAF1_ECX_HYPERVISOR;
}

static void from_kvm(struct hy_x86_cpuid *to, const struct kvm_cpuid_entry2 *from)
{
	to->leaf = from->function;
	to->subleaf = from->index;
	to->flags = from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX ? HY_X86_CPUID_SUBLEAF : 0;
	to->eax = from->eax;
	to->ebx = from->ebx;
	to->ecx = from->ecx;
	to->edx = from->edx;
}

static void to_kvm(struct kvm_cpuid_entry2 *to, const struct hy_x86_cpuid *from)
{
	to->function = from->leaf;
	to->index = from->subleaf;
	to->flags = from->flags & HY_X86_CPUID_SUBLEAF ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	to->eax = from->eax;
	to->ebx = from->ebx;
	to->ecx = from->ecx;
	to->edx = from->edx;
}

int kvm_x86_cpuid_load(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;
	struct kvm_arch_host *arch = &host->arch;
	struct kvm_cpuid2 *table;
	int r = ask_supported(host->fd, &table);

	if (r < 0)
		return be->services->fail(kvm_status(-r), -r, NULL, NULL, "KVM_GET_SUPPORTED_CPUID");
	arch->cpuid = calloc(table->nent ? table->nent : 1, sizeof(*arch->cpuid));
	if (!arch->cpuid) {
		free(table);
		return be->services->fail(HY_E_NOMEM, 0, NULL, NULL, "memory for the CPUID table");
	}
	for (uint32_t i = 0; i < table->nent; i++) {
		uint32_t leaf = table->entries[i].function;
		struct hy_x86_cpuid *line = &arch->cpuid[arch->cpuid_count];

		if (leaf >= PARAVIRT_FIRST && leaf <= PARAVIRT_LAST)
			continue;
		from_kvm(line, &table->entries[i]);
		clean(line);
		arch->cpuid_count++;
	}
	free(table);
	return 0;
}

int kvm_x86_cpuid(struct hy_backend_host *be, struct hy_x86_cpuid *table, size_t *count)
{
	const struct kvm_arch_host *arch = &((const struct kvm_host *)be->priv)->arch;
	size_t room = *count;

	*count = arch->cpuid_count;
	if (room < arch->cpuid_count)
		return be->services->fail(HY_E_LIMIT, 0, NULL, NULL,
		                          "room for %zu lines of CPUID, needed are %zu", room,
		                          arch->cpuid_count);
	memcpy(table, arch->cpuid, arch->cpuid_count * sizeof(*table));
	return 0;
}

const struct hy_x86_cpuid *kvm_x86_cpuid_find(const struct hy_x86_cpuid *table, size_t count,
                                              uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < count; i++) {
		bool any = !(table[i].flags & HY_X86_CPUID_SUBLEAF);

		if (table[i].leaf == leaf && (any || table[i].subleaf == subleaf))
			return &table[i];
	}
	return NULL;
}

struct kvm_cpuid2 *kvm_x86_cpuid_table(const struct hy_x86_cpuid *lines, size_t count, uint32_t apic_id)
{
	struct kvm_cpuid2 *table = alloc_table((uint32_t)count);

	if (!table)
		return NULL;
	for (uint32_t i = 0; i < table->nent; i++) {
		struct hy_x86_cpuid line = lines[i];

		set_apic_id(&line, apic_id);
		to_kvm(&table->entries[i], &line);
	}
	return table;
}

int kvm_x86_cpuid_set(struct hy_backend_vcpu *be)
{
	const struct hy_vm_options *options = be->vm->options;
	const struct hy_services *services = kvm_services_of(be);
	struct kvm_cpuid2 *table;
	int r;

	if (options->x86_cpuid_count > MAX_ROOM)
		return services->fail(HY_E_LIMIT, 0, NULL, NULL, "x86_cpuid: %zu lines, the most are %d",
		                      options->x86_cpuid_count, MAX_ROOM);
	table = kvm_x86_cpuid_table(options->x86_cpuid, options->x86_cpuid_count, be->id);
	if (!table)
		return services->fail(HY_E_NOMEM, 0, NULL, NULL, "memory for vCPU %u's CPUID table",
		                      be->id);
	r = kvm_vcpu_ioctl(be, KVM_SET_CPUID2, table);
	free(table);
	if (r < 0)
		return services->fail(r == -E2BIG ? HY_E_LIMIT : kvm_status(-r), -r, NULL, NULL,
		                      "KVM_SET_CPUID2 of vCPU %u, %zu lines", be->id,
		                      options->x86_cpuid_count);
	return 0;
}

void kvm_x86_cpuid_answer(const struct hy_backend_vcpu *be, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	const struct hy_vm_options *options = be->vm->options;
	const struct hy_x86_cpuid *found = kvm_x86_cpuid_find(options->x86_cpuid, options->x86_cpuid_count, leaf, subleaf);
	struct hy_x86_cpuid line = { .leaf = leaf };

	if (found)
		line = *found;
	set_apic_id(&line, be->id);
	answer[0] = line.eax;
	answer[1] = line.ebx;
	answer[2] = line.ecx;
	answer[3] = line.edx;
}
