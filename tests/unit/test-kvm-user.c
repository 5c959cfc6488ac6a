/* SPDX-License-Identifier: MIT */
/* Whether the calls of user mode are seen: how the KVM backend asks, with a stand-in for the kernel. */
#include <errno.h>
#include <check.h>
#include <string.h>

#include "kvm-double.h"
#include "suite.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct kvm_rig rig;
static struct kvm_sys sys;

/* How the guest's run ends. */
static uint32_t reason;
static uint8_t dpl;
/* Runs that a signal ends before. */
static unsigned interrupts;

static int guest(struct kvm_run *run)
{
	if (kvm_double.runs <= interrupts)
		return kvm_double.runs % 2 ? -EINTR : -EAGAIN;
	run->exit_reason = reason;
	kvm_double.sregs.cs.dpl = dpl;
	return 0;
}

static void end_with(uint32_t exit_reason, uint8_t privilege)
{
	reason = exit_reason;
	dpl = privilege;
}

static void setup(void)
{
	kvm_double_reset();
	kvm_double.guest = guest;
	kvm_double.fail_with = EIO;
	interrupts = 0;
	end_with(KVM_EXIT_HLT, 0);
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	kvm_double.calls = 0;
}

static void teardown(void)
{
	kvm_rig_close(&rig);
	ck_assert_int_eq(kvm_double.fds, 0);
	ck_assert_int_eq(kvm_double.maps, 0);
}

static struct hy_cap ask(void)
{
	struct hy_cap cap = { 0 };

	ck_assert_int_eq(rig.ops->cap(&rig.host, HY_CAP_USER_CALLS, &cap), 0);
	return cap;
}

/* The device is open and nothing else. */
static void expect_nothing_left(void)
{
	ck_assert_int_eq(kvm_double.fds, 1);
	ck_assert_int_eq(kvm_double.maps, 0);
}

static void expect_present(void)
{
	ck_assert_uint_eq(ask().how, HY_CAP_HOST);
	expect_nothing_left();
}

static void expect_absent(void)
{
	struct hy_cap cap = ask();

	ck_assert_uint_eq(cap.how, HY_CAP_ABSENT);
	ck_assert_str_eq(cap.reason, "this KVM runs user mode natively and doesn't see them");
	expect_nothing_left();
}

START_TEST(a_call_that_comes_to_the_kernel)
{
	expect_present();
	ck_assert_uint_eq(kvm_double.runs, 1);
}
END_TEST

static const struct {
	uint32_t reason;
	uint8_t dpl;
} others[] = {
	{ KVM_EXIT_SHUTDOWN, 3 },
	{ KVM_EXIT_SHUTDOWN, 0 },
	{ KVM_EXIT_HLT, 3 },
	{ KVM_EXIT_INTERNAL_ERROR, 3 },
	{ KVM_EXIT_FAIL_ENTRY, 3 },
};

START_TEST(a_call_that_does_not)
{
	end_with(others[_i].reason, others[_i].dpl);
	expect_absent();
	ck_assert_uint_eq(kvm_double.runs, 1);
}
END_TEST

START_TEST(it_is_asked_once)
{
	unsigned calls;

	end_with(KVM_EXIT_SHUTDOWN, 3);
	expect_absent();
	calls = kvm_double.calls;
	end_with(KVM_EXIT_HLT, 0);
	expect_absent();
	ck_assert_uint_eq(kvm_double.calls, calls);
}
END_TEST

static int guest_of_user_mode(struct kvm_run *run)
{
	const struct kvm_sregs *sregs = &kvm_double.sregs;

	ck_assert_uint_eq(sregs->cs.dpl, 3);
	ck_assert_uint_eq(sregs->cs.l, 1);
	ck_assert_uint_eq(sregs->ss.dpl, 3);
	ck_assert_uint_eq(sregs->idt.limit, 0);
	ck_assert_uint_eq(sregs->efer, HY_X86_EFER_SCE | HY_X86_EFER_LME | HY_X86_EFER_LMA);
	ck_assert_uint_eq(kvm_double.regs.rflags, HY_X86_RFLAGS_ONE);
	ck_assert_uint_eq(kvm_double.cpuid_set, 19);
	return guest(run);
}

START_TEST(it_is_user_mode_that_calls)
{
	kvm_double.guest = guest_of_user_mode;
	expect_present();
}
END_TEST

START_TEST(signals_do_not_matter)
{
	end_with(KVM_EXIT_SHUTDOWN, 3);
	interrupts = 20;
	expect_absent();
	ck_assert_uint_eq(kvm_double.runs, 21);
}
END_TEST

START_TEST(signals_without_end_are_no_answer)
{
	interrupts = UINT32_MAX;
	end_with(KVM_EXIT_SHUTDOWN, 3);
	expect_present();
	ck_assert_uint_ge(kvm_double.runs, 100);
	ck_assert_uint_le(kvm_double.runs, 1000);
}
END_TEST

/* Any call may fail once: the answer is the same. */
START_TEST(a_call_that_fails_is_tried_again)
{
	unsigned calls;

	end_with(KVM_EXIT_SHUTDOWN, 3);
	expect_absent();
	calls = kvm_double.calls;
	ck_assert_uint_ge(calls, 9);
	for (unsigned i = 1; i <= calls; i++) {
		teardown();
		setup();
		end_with(KVM_EXIT_SHUTDOWN, 3);
		kvm_double.fail_at = i;
		expect_absent();
		ck_assert_uint_gt(kvm_double.calls, calls);
	}
}
END_TEST

static const unsigned long requests[] = {
	KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION, KVM_CREATE_VCPU, KVM_SET_CPUID2,
	KVM_GET_SREGS, KVM_SET_SREGS, KVM_SET_MSRS, KVM_RUN,
};

/* No false alarm: without an answer the host is taken for one like most. */
START_TEST(a_request_that_always_fails_is_no_answer)
{
	end_with(KVM_EXIT_SHUTDOWN, 3);
	kvm_double.bad_request = requests[_i];
	kvm_double.bad_error = EPERM;
	expect_present();
	kvm_double.bad_request = 0;
	expect_present();
}
END_TEST

START_TEST(an_msr_that_is_not_there_is_no_answer)
{
	end_with(KVM_EXIT_SHUTDOWN, 3);
	kvm_double.full_msr = HY_X86_MSR_LSTAR;
	expect_present();
	ck_assert_uint_eq(kvm_double.runs, 0);
}
END_TEST

static int no_map(int fd, size_t size, void **addr)
{
	(void)fd;
	(void)size;
	(void)addr;
	return -ENOMEM;
}

static int no_pages(size_t size, void **addr)
{
	return no_map(-1, size, addr);
}

START_TEST(no_memory_is_no_answer)
{
	end_with(KVM_EXIT_SHUTDOWN, 3);
	sys = kvm_sys_double;
	if (_i)
		sys.map = no_map;
	else
		sys.map_pages = no_pages;
	kvm_sys = &sys;
	expect_present();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvm-user");
	TCase *t = tcase_create("user calls");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_call_that_comes_to_the_kernel);
	tcase_add_loop_test(t, a_call_that_does_not, 0, LENGTH(others));
	tcase_add_test(t, it_is_asked_once);
	tcase_add_test(t, it_is_user_mode_that_calls);
	tcase_add_test(t, signals_do_not_matter);
	tcase_add_test(t, signals_without_end_are_no_answer);
	tcase_add_test(t, a_call_that_fails_is_tried_again);
	tcase_add_loop_test(t, a_request_that_always_fails_is_no_answer, 0, LENGTH(requests));
	tcase_add_test(t, an_msr_that_is_not_there_is_no_answer);
	tcase_add_loop_test(t, no_memory_is_no_answer, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
