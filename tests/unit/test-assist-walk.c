/* SPDX-License-Identifier: MIT */
/* plugins/assist/x86-walk.c: every form of paging, rights against a model, error codes. */
#include "assist-machine.h"
#include "suite.h"

#define ERROR_P 0x1u
#define ERROR_W 0x2u
#define ERROR_U 0x4u
#define ERROR_RSVD 0x8u
#define ERROR_I 0x10u
#define ERROR_PK 0x20u

#define FIRST_PAGING MACHINE_PAGING_32
#define END_PAGING (MACHINE_PAGING_5 + 1)
#define FIRST_64 MACHINE_PAGING_PAE /* entries of 8 bytes */

static struct machine m;
static struct xe_translation t;

static void setup(void)
{
	ck_assert(machine_open(&m, true));
}

static void teardown(void)
{
	machine_close(&m);
}

static void enter(enum machine_paging paging, unsigned cpl)
{
	machine_enter_protected(&m, 32, cpl);
	machine_set_paging(&m, paging);
	if (paging >= MACHINE_PAGING_4)
		machine_enter_long(&m, 64, cpl);
}

static unsigned top_level(enum machine_paging paging)
{
	return paging == MACHINE_PAGING_32 ? 2 : paging == MACHINE_PAGING_PAE ? 2 : paging == MACHINE_PAGING_4 ? 4 : 5;
}

static enum xe_result translate(uint64_t linear, uint32_t access, bool user)
{
	return xe_translate(&m.cpu, linear, access, user, true, &t);
}

static void expect_error(uint64_t linear, uint32_t access, bool user, uint32_t error)
{
	ck_assert_int_eq(translate(linear, access, user), XE_EXCEPTION);
	ck_assert_uint_eq(t.error, error);
}

static void expect_gpa(uint64_t linear, uint64_t gpa, uint64_t page_size)
{
	ck_assert_int_eq(translate(linear, HY_PROT_READ, false), XE_OK);
	ck_assert_uint_eq(t.gpa, gpa);
	ck_assert_uint_eq(t.page_size, page_size);
}

START_TEST(no_paging)
{
	expect_gpa(0x12345, 0x12345, XE_PAGE_SIZE);
	expect_gpa(0xfffffff0, 0xfffffff0, XE_PAGE_SIZE);
	ck_assert(t.writable && t.user && t.executable && t.dirty);
}
END_TEST

START_TEST(small_pages)
{
	enter((enum machine_paging)_i, 0);
	expect_gpa(0, 0, XE_PAGE_SIZE);
	expect_gpa(0x12345, 0x12345, XE_PAGE_SIZE);
	expect_gpa(0x7fffff, 0x7fffff, XE_PAGE_SIZE);
	machine_map(&m, 0x5000, 0x123000, MACHINE_P, 1);
	expect_gpa(0x5678, 0x123678, XE_PAGE_SIZE);
	ck_assert(!t.writable && !t.user && t.executable && !t.dirty);
	expect_error(MACHINE_MAPPED + 0x40000000, HY_PROT_READ, false, 0);
}
END_TEST

START_TEST(high_halves)
{
	uint64_t top = _i == MACHINE_PAGING_5 ? UINT64_C(0xff12345678901000) : UINT64_C(0xffff923456789000);

	enter((enum machine_paging)_i, 0);
	machine_map(&m, top, 0x77000, MACHINE_P | MACHINE_W, 1);
	expect_gpa(top + 5, 0x77005, XE_PAGE_SIZE);
	ck_assert(t.writable && !t.user);
}
END_TEST

START_TEST(large_pages_32)
{
	enter(MACHINE_PAGING_32, 0);
	machine_map(&m, 0xc0000000, 0x400000, MACHINE_P | MACHINE_W, 2);
	expect_gpa(0xc0123456, 0x523456, 0x400000);
	/* PSE-36: bits 13 and up are bits 32 and up of the address; 40 bits of it here. */
	machine_map(&m, 0xc0000000, 0x400000 | 0xff << 13, MACHINE_P, 2);
	expect_gpa(0xc0123456, UINT64_C(0xff00523456), 0x400000);
	machine_map(&m, 0xc0000000, 0x400000 | 1u << 21, MACHINE_P, 2);
	expect_error(0xc0123456, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
	m.cpu.phys_bits = 36;
	machine_map(&m, 0xc0000000, 0x400000 | 1u << 16, MACHINE_P, 2);
	expect_gpa(0xc0123456, UINT64_C(0x800523456), 0x400000);
	machine_map(&m, 0xc0000000, 0x400000 | 1u << 17, MACHINE_P, 2);
	expect_error(0xc0123456, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
	/* Without CR4.PSE the bit means nothing: it is a table. */
	m.cpu.cr4 &= ~(uint64_t)HY_X86_CR4_PSE;
	machine_map(&m, 0xc0000000, 0x123000, MACHINE_P, 2);
	machine_write_value(&m, 0x123000 + 4 * 0x123, 4, 0x9000 | MACHINE_P);
	expect_gpa(0xc0123456, 0x9456, XE_PAGE_SIZE);
}
END_TEST

START_TEST(large_pages_64)
{
	enter((enum machine_paging)_i, 0);
	machine_map(&m, 0x80000000, 0x12200000, MACHINE_P | MACHINE_W, 2);
	xe_state_changed(&m.cpu); /* loads the pointers of PAE */
	expect_gpa(0x80123456, 0x12323456, 0x200000);
	machine_map(&m, 0x80000000, 0x12200000 | 1u << 12, MACHINE_P | MACHINE_W, 2); /* PAT */
	expect_gpa(0x80123456, 0x12323456, 0x200000);
	machine_map(&m, 0x80000000, 0x12200000 | 1u << 13, MACHINE_P | MACHINE_W, 2);
	expect_error(0x80123456, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
	machine_map(&m, 0x80000000, 0x12200000 | 1u << 20, MACHINE_P | MACHINE_W, 2);
	expect_error(0x80123456, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
}
END_TEST

START_TEST(huge_pages)
{
	enter((enum machine_paging)_i, 0);
	machine_map(&m, 0x80000000, UINT64_C(0xc0000000), MACHINE_P | MACHINE_W, 3);
	expect_gpa(0x92345678, 0xd2345678, 0x40000000);
	machine_map(&m, 0x80000000, UINT64_C(0xc0000000) | 1u << 29, MACHINE_P | MACHINE_W, 3);
	expect_error(0x92345678, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
	machine_map(&m, 0x80000000, UINT64_C(0xc0000000), MACHINE_P | MACHINE_W, 3);
	m.cpu.features &= ~XE_HAS_1G;
	expect_error(0x92345678, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
}
END_TEST

/* In entries of 8 bytes, at each level. */
START_TEST(reserved_bits)
{
	enum machine_paging paging = (enum machine_paging)_i;

	enter(paging, 0);
	for (unsigned level = 1; level <= top_level(paging); level++) {
		uint64_t good = machine_entry(&m, 0x5000, level);

		machine_set_entry(&m, 0x5000, level, good | UINT64_C(1) << 40);
		expect_error(0x5000, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
		expect_error(0x5000, HY_PROT_WRITE, true, ERROR_P | ERROR_RSVD | ERROR_W | ERROR_U);
		machine_set_entry(&m, 0x5000, level, good | UINT64_C(1) << 51);
		expect_error(0x5000, HY_PROT_EXEC, false, ERROR_P | ERROR_RSVD | ERROR_I);
		machine_set_entry(&m, 0x5000, level, good | UINT64_C(1) << 52);
		if (paging == MACHINE_PAGING_PAE)
			expect_error(0x5000, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
		else
			expect_gpa(0x5000, 0x5000, XE_PAGE_SIZE);
		machine_set_entry(&m, 0x5000, level, good | MACHINE_NX);
		expect_gpa(0x5000, 0x5000, XE_PAGE_SIZE);
		m.cpu.efer &= ~(uint64_t)HY_X86_EFER_NXE;
		expect_error(0x5000, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
		expect_error(0x5000, HY_PROT_EXEC, false, ERROR_P | ERROR_RSVD);
		m.cpu.efer |= HY_X86_EFER_NXE;
		if (level >= 4) {
			machine_set_entry(&m, 0x5000, level, good | MACHINE_LARGE);
			expect_error(0x5000, HY_PROT_READ, false, ERROR_P | ERROR_RSVD);
		}
		/* An entry that isn't present has none. */
		machine_set_entry(&m, 0x5000, level, (good & ~UINT64_C(1)) | UINT64_C(1) << 40);
		expect_error(0x5000, HY_PROT_READ, false, 0);
		machine_set_entry(&m, 0x5000, level, good);
	}
}
END_TEST

/* --- Rights against a model of SDM vol. 3, section 4.6 ------------------------------------------ */

struct rights {
	bool writable, user_page, nx;
	bool wp, smep, smap, ac, nxe, pke;
	bool user, implicit;
	unsigned key_rights; /* PKRU's two bits: no access, no writes */
	uint32_t access;
	bool is_32, is_long;
};

static bool key_forbids(const struct rights *r)
{
	if (!r->pke || !r->is_long || !r->user_page || r->access == HY_PROT_EXEC)
		return false;
	return (r->key_rights & 1) || ((r->key_rights & 2) && r->access == HY_PROT_WRITE && (r->user || r->wp));
}

static bool user_may(const struct rights *r)
{
	switch (r->access) {
	case HY_PROT_READ:
		return r->user_page;
	case HY_PROT_WRITE:
		return r->user_page && r->writable;
	default:
		return r->user_page && !(r->nx && r->nxe && !r->is_32);
	}
}

static bool supervisor_may(const struct rights *r)
{
	bool may_data = !r->user_page || !r->smap || (r->ac && !r->implicit);

	switch (r->access) {
	case HY_PROT_READ:
		return may_data;
	case HY_PROT_WRITE:
		return may_data && (r->writable || !r->wp);
	default:
		return !(r->user_page && r->smep) && !(r->nx && r->nxe && !r->is_32);
	}
}

static uint32_t expected_error(const struct rights *r)
{
	uint32_t error = ERROR_P;

	if (r->access == HY_PROT_WRITE)
		error |= ERROR_W;
	if (r->user)
		error |= ERROR_U;
	if (r->access == HY_PROT_EXEC && ((r->nxe && !r->is_32) || r->smep))
		error |= ERROR_I;
	if (key_forbids(r))
		error |= ERROR_PK;
	return error;
}

static void set(uint64_t *word, uint64_t bit, bool on)
{
	*word = on ? *word | bit : *word & ~bit;
}

static void apply(const struct rights *r)
{
	set(&m.cpu.cr0, HY_X86_CR0_WP, r->wp);
	set(&m.cpu.cr4, XE_CR4_SMEP, r->smep);
	set(&m.cpu.cr4, XE_CR4_SMAP, r->smap);
	set(&m.cpu.cr4, XE_CR4_PKE, r->pke);
	set(&m.cpu.efer, HY_X86_EFER_NXE, r->nxe);
	set(&m.cpu.rflags, XE_RFLAGS_AC, r->ac);
	m.cpu.pkru = r->key_rights << 2 * 5;
	xe_flush_all(&m.cpu);
}

/*
 * The rights of a page are split over two levels: that of `level` takes away what
 * the other leaves.
 */
static void make_page(const struct rights *r, uint64_t linear, unsigned level)
{
	uint64_t keep = (r->writable ? MACHINE_W : 0) | (r->user_page ? MACHINE_U : 0);

	for (unsigned at = 1; at <= 2; at++) {
		uint64_t entry = machine_entry(&m, linear, at) & UINT64_C(0xffffff000);

		entry |= MACHINE_P | (at == level ? keep : MACHINE_W | MACHINE_U);
		if (at == level && r->nx && r->nxe && !r->is_32)
			entry |= MACHINE_NX;
		if (at == 1 && r->is_long)
			entry |= UINT64_C(5) << 59;
		machine_set_entry(&m, linear, at, entry);
	}
}

static void check_against_model(const struct rights *r, uint64_t linear)
{
	bool may = (r->user ? user_may(r) : supervisor_may(r)) && !key_forbids(r);
	unsigned as = r->user ? XE_AS_USER : r->implicit ? XE_AS_SYSTEM : 0;
	enum xe_result result;

	if (!r->implicit) {
		ck_assert_int_eq(translate(linear, r->access, r->user), may ? XE_OK : XE_EXCEPTION);
		if (!may)
			ck_assert_uint_eq(t.error, expected_error(r));
	}
	if (r->access == HY_PROT_EXEC)
		return;
	/* The same by a load or store's way, where the processor itself may access too; twice, by the cache. */
	for (unsigned i = 0; i < 2; i++) {
		result = xe_check_linear(&m.cpu, linear, 4, r->access | as);
		ck_assert_int_eq(result, may ? XE_OK : XE_EXCEPTION);
		if (may)
			continue;
		ck_assert_uint_eq(m.cpu.event.vector, XE_PF);
		ck_assert_uint_eq(m.cpu.event.error, expected_error(r));
		ck_assert_uint_eq(m.cpu.event.address, linear);
	}
}

static struct rights rights_of(unsigned n, enum machine_paging paging)
{
	static const uint32_t accesses[] = { HY_PROT_READ, HY_PROT_WRITE, HY_PROT_EXEC };

	return (struct rights){ .writable = n & 1,
		                .user_page = n >> 1 & 1,
		                .nx = n >> 2 & 1,
		                .wp = n >> 3 & 1,
		                .smep = n >> 4 & 1,
		                .smap = n >> 5 & 1,
		                .ac = n >> 6 & 1,
		                .nxe = n >> 7 & 1,
		                .pke = n >> 8 & 1,
		                .key_rights = n >> 9 & 3,
		                .user = (n >> 11 & 3) == 1,
		                .implicit = (n >> 11 & 3) == 2,
		                .access = accesses[(n >> 13 & 3) % 3],
		                .is_32 = paging == MACHINE_PAGING_32,
		                .is_long = paging >= MACHINE_PAGING_4 };
}

START_TEST(rights_against_model)
{
	enter((enum machine_paging)_i, 0);
	for (unsigned n = 0; n < 1u << 15; n++) {
		struct rights r = rights_of(n, (enum machine_paging)_i);

		apply(&r);
		make_page(&r, 0x5000, 1 + n % 7 % 2);
		check_against_model(&r, 0x5000);
	}
}
END_TEST

/* --- Accessed and dirty bits ------------------------------------------------------------------------ */

static void expect_bits(uint64_t linear, unsigned levels, uint64_t upper, uint64_t last)
{
	for (unsigned level = 1; level <= levels; level++)
		ck_assert_uint_eq(machine_entry(&m, linear, level) & (MACHINE_A | MACHINE_D),
		                  level == 1 ? last : upper);
}

START_TEST(accessed_and_dirty)
{
	unsigned levels = top_level((enum machine_paging)_i);
	uint64_t entry;

	enter((enum machine_paging)_i, 0);
	ck_assert_int_eq(xe_translate(&m.cpu, 0x5000, HY_PROT_WRITE, true, false, &t), XE_OK);
	expect_bits(0x5000, levels, 0, 0);
	ck_assert(!t.dirty);
	ck_assert_int_eq(translate(0x5000, HY_PROT_READ, true), XE_OK);
	ck_assert(!t.dirty);
	expect_bits(0x5000, levels, MACHINE_A, MACHINE_A);
	expect_bits(0x6000, 1, 0, 0);
	ck_assert_int_eq(translate(0x5000, HY_PROT_WRITE, true), XE_OK);
	ck_assert(t.dirty);
	expect_bits(0x5000, levels, MACHINE_A, MACHINE_A | MACHINE_D);
	/* What faults leaves nothing. */
	entry = machine_entry(&m, 0x6000, 1) & ~(uint64_t)MACHINE_W;
	machine_set_entry(&m, 0x6000, 1, entry);
	expect_error(0x6000, HY_PROT_WRITE, true, ERROR_P | ERROR_W | ERROR_U);
	ck_assert_uint_eq(machine_entry(&m, 0x6000, 1), entry);
}
END_TEST

START_TEST(large_pages_dirty)
{
	enter((enum machine_paging)_i, 0);
	machine_map(&m, 0x80000000, 0, MACHINE_P | MACHINE_W, 2);
	xe_state_changed(&m.cpu);
	ck_assert_int_eq(translate(0x80001234, HY_PROT_WRITE, false), XE_OK);
	ck_assert_uint_eq(machine_entry(&m, 0x80000000, 2),
	                  MACHINE_P | MACHINE_W | MACHINE_A | MACHINE_D | MACHINE_LARGE);
}
END_TEST

/* --- Where page tables are ----------------------------------------------------------------------------- */

START_TEST(tables_outside)
{
	enter((enum machine_paging)_i, 0);
	machine_set_entry(&m, 0x5000, 2, 0x600000 | MACHINE_P | MACHINE_W | MACHINE_U);
	ck_assert_int_eq(translate(0x5000, HY_PROT_READ, false), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_MEMORY);
	ck_assert_uint_eq(m.cpu.refusal.gpa, 0x600000 + 5 * (_i == MACHINE_PAGING_32 ? 4 : 8));
	ck_assert_uint_eq(m.cpu.refusal.access, HY_PROT_READ);
}
END_TEST

START_TEST(tables_read_only)
{
	enter((enum machine_paging)_i, 0);
	machine_protect(&m, MACHINE_TABLES, MACHINE_RAM - MACHINE_TABLES, HY_PROT_READ);
	ck_assert_int_eq(translate(0x5000, HY_PROT_READ, false), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_MEMORY);
	ck_assert_uint_eq(m.cpu.refusal.access, HY_PROT_WRITE);
	ck_assert_int_eq(xe_translate(&m.cpu, 0x5000, HY_PROT_READ, false, false, &t), XE_OK);
	/* With the bits set beforehand nothing has to be written. */
	machine_protect(&m, MACHINE_TABLES, MACHINE_RAM - MACHINE_TABLES, HY_PROT_RWX);
	ck_assert_int_eq(translate(0x5000, HY_PROT_WRITE, false), XE_OK);
	machine_protect(&m, MACHINE_TABLES, MACHINE_RAM - MACHINE_TABLES, HY_PROT_READ);
	ck_assert_int_eq(translate(0x5000, HY_PROT_WRITE, false), XE_OK);
}
END_TEST

START_TEST(pointers_of_pae)
{
	uint64_t pdpte[4];

	enter(MACHINE_PAGING_PAE, 0);
	ck_assert_int_eq(xe_read_pdptes(&m.cpu, m.cpu.cr3, pdpte), XE_OK);
	ck_assert_mem_eq(pdpte, m.cpu.pdpte, sizeof(pdpte));
	ck_assert(pdpte[0] & MACHINE_P);
	ck_assert_uint_eq(pdpte[1], 0);
	/* The table is at a multiple of 32; the registers hold it until CR3 is loaded. */
	machine_write_value(&m, 0x9020, 8, 0x123000 | MACHINE_P);
	ck_assert_int_eq(xe_read_pdptes(&m.cpu, 0x9020, pdpte), XE_OK);
	ck_assert_uint_eq(pdpte[0], 0x123000 | MACHINE_P);
	m.cpu.cr3 = 0x9020;
	machine_write_value(&m, 0x9020, 8, 0x123000 | MACHINE_P | MACHINE_W);
	xe_state_changed(&m.cpu);
	expect_error(0x5000, HY_PROT_READ, false, 0);
	m.cpu.cr3 = MACHINE_TABLES;
	xe_state_changed(&m.cpu);
	machine_set_entry(&m, 0, 3, 0);
	expect_gpa(0x5000, 0x5000, XE_PAGE_SIZE);
	xe_state_changed(&m.cpu);
	expect_error(0x5000, HY_PROT_WRITE, true, ERROR_W | ERROR_U);

	for (unsigned bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		machine_write_value(&m, 0x9020, 8, UINT64_C(1) << bit | MACHINE_P);
		ck_assert_int_eq(xe_read_pdptes(&m.cpu, 0x9020, pdpte), reserved ? XE_EXCEPTION : XE_OK);
		machine_write_value(&m, 0x9020, 8, UINT64_C(1) << bit);
		ck_assert_int_eq(xe_read_pdptes(&m.cpu, 0x9020, pdpte), XE_OK);
	}
	ck_assert_uint_eq(m.cpu.event.vector, XE_GP);
	ck_assert_int_eq(xe_read_pdptes(&m.cpu, 0x40000000, pdpte), XE_REFUSED);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-walk");
	TCase *tcase = tcase_create("walk");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, no_paging);
	tcase_add_loop_test(tcase, small_pages, FIRST_PAGING, END_PAGING);
	tcase_add_loop_test(tcase, high_halves, MACHINE_PAGING_4, END_PAGING);
	tcase_add_test(tcase, large_pages_32);
	tcase_add_loop_test(tcase, large_pages_64, FIRST_64, END_PAGING);
	tcase_add_loop_test(tcase, huge_pages, MACHINE_PAGING_4, END_PAGING);
	tcase_add_loop_test(tcase, reserved_bits, FIRST_64, END_PAGING);
	tcase_add_loop_test(tcase, rights_against_model, FIRST_PAGING, END_PAGING);
	tcase_add_loop_test(tcase, accessed_and_dirty, FIRST_PAGING, END_PAGING);
	tcase_add_loop_test(tcase, large_pages_dirty, FIRST_PAGING, END_PAGING);
	tcase_add_loop_test(tcase, tables_outside, FIRST_PAGING, END_PAGING);
	tcase_add_loop_test(tcase, tables_read_only, FIRST_PAGING, END_PAGING);
	tcase_add_test(tcase, pointers_of_pae);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
