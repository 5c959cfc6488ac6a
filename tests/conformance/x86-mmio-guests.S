/* SPDX-License-Identifier: MIT */
/* RBX points to MMIO and RSI to RAM, unless it says otherwise. */
#include "guest.S.h"

/* --- Moves ------------------------------------------------------------------------ */

GUEST(mmio_loads)
	.code64
	mov	(%rbx), %al
	mov	(%rbx), %ch
	mov	(%rbx), %dx
	mov	(%rbx), %esi
	mov	(%rbx), %r15
	hlt
END(mmio_loads)

GUEST(mmio_stores)
	.code64
	mov	%al, (%rbx)
	mov	%ah, (%rbx)
	mov	%ax, (%rbx)
	mov	%eax, (%rbx)
	mov	%r8, (%rbx)
	mov	%r8b, (%rbx)
	hlt
END(mmio_stores)

GUEST(mmio_immediates)
	.code64
	movb	$0x11, (%rbx)
	movw	$0x1122, (%rbx)
	movl	$0x11223344, (%rbx)
	movq	$-2, (%rbx)
	hlt
END(mmio_immediates)

GUEST(mmio_zero_extend)
	.code64
	movzbw	(%rbx), %ax
	movzbl	(%rbx), %ecx
	movzbq	(%rbx), %rdx
	movzwl	(%rbx), %esi
	movzwq	(%rbx), %rdi
	hlt
END(mmio_zero_extend)

GUEST(mmio_sign_extend)
	.code64
	movsbw	(%rbx), %ax
	movsbl	(%rbx), %ecx
	movsbq	(%rbx), %rdx
	movswl	(%rbx), %esi
	movswq	(%rbx), %rdi
	movslq	(%rbx), %r8
	hlt
END(mmio_sign_extend)

GUEST(mmio_moffs_load)
	.code64
	movabs	0x200001, %al
	movabs	0x200002, %ax
	movabs	0x200004, %eax
	movabs	0x200008, %rax
	hlt
END(mmio_moffs_load)

GUEST(mmio_moffs_store)
	.code64
	movabs	%al, 0x200001
	movabs	%ax, 0x200002
	movabs	%eax, 0x200004
	movabs	%rax, 0x200008
	hlt
END(mmio_moffs_store)

GUEST(mmio_addressing)
	.code64
	mov	0x10(%rbx,%rcx,8), %al
	mov	-8(%rbx), %al
	mov	0x200123, %al
	mov	0x1ff000(%rip), %al
	mov	%fs:8, %al
	mov	(%edx), %al
	hlt
END(mmio_addressing)

GUEST(mmio_conditional)
	.code64
	cmove	(%rbx), %rax
	cmovne	(%rbx), %rcx
	sete	(%rbx)
	setne	(%rbx)
	hlt
END(mmio_conditional)

GUEST(mmio_movbe)
	.code64
	movbe	(%rbx), %ax
	movbe	(%rbx), %ecx
	movbe	(%rbx), %rdx
	movbe	%ax, (%rbx)
	movbe	%ecx, (%rbx)
	movbe	%rdx, (%rbx)
	hlt
END(mmio_movbe)

GUEST(mmio_movnti)
	.code64
	movnti	%eax, (%rbx)
	movnti	%rax, (%rbx)
	hlt
END(mmio_movnti)

/* --- Modes ------------------------------------------------------------------------ */

GUEST(mmio_real)
	.code16
	mov	%es:0x10, %ax
	mov	%ax, %es:0x20
	hlt
END(mmio_real)

GUEST(mmio_protected)
	.code32
	mov	0x200000, %eax
	mov	%eax, 0x200004
	hlt
END(mmio_protected)

GUEST(mmio_user)
	.code64
	mov	(%rbx), %eax
	add	%eax, 8(%rbx)
	mov	%eax, 16(%rbx)
	nop
END(mmio_user)

GUEST(mmio_user_rmw)
	.code64
	lock addl %eax, (%rbx)
	incb	(%rbx)
	xchg	%rcx, (%rbx)
	xadd	%edx, (%rbx)
	lock cmpxchg %ecx, (%rbx)
	btsl	$1, 4(%rbx)
	nop
END(mmio_user_rmw)

GUEST(mmio_user_strings)
	.code64
	rep movsw
	stosb
	nop
END(mmio_user_strings)

/* --- Read, modify, write ---------------------------------------------------------- */

GUEST(mmio_arithmetic)
	.code64
	clc
	addl	%eax, (%rbx)
	addl	$1, (%rbx)
	subl	%eax, (%rbx)
	stc
	adcl	%eax, (%rbx)
	stc
	sbbl	%eax, (%rbx)
	incl	(%rbx)
	decl	(%rbx)
	negl	(%rbx)
	hlt
END(mmio_arithmetic)

GUEST(mmio_logic)
	.code64
	stc
	orl	%eax, (%rbx)
	andl	%eax, (%rbx)
	xorl	%eax, (%rbx)
	notl	(%rbx)
	hlt
END(mmio_logic)

GUEST(mmio_rmw_widths)
	.code64
	addb	%al, (%rbx)
	addw	%ax, (%rbx)
	addl	%eax, (%rbx)
	addq	%rax, (%rbx)
	hlt
END(mmio_rmw_widths)

GUEST(mmio_locked)
	.code64
	lock addl %eax, (%rbx)
	lock subl %eax, (%rbx)
	stc
	lock adcl %eax, (%rbx)
	stc
	lock sbbl %eax, (%rbx)
	lock orl %eax, (%rbx)
	lock andl %eax, (%rbx)
	lock xorl %eax, (%rbx)
	lock incl (%rbx)
	lock decl (%rbx)
	lock negl (%rbx)
	lock notl (%rbx)
	hlt
END(mmio_locked)

GUEST(mmio_shifts)
	.code64
	shll	$4, (%rbx)
	shrl	%cl, (%rbx)
	sarl	$1, (%rbx)
	roll	$8, (%rbx)
	rorl	$8, (%rbx)
	rcll	$1, (%rbx)
	shldl	$4, %eax, (%rbx)
	hlt
END(mmio_shifts)

GUEST(mmio_bits)
	.code64
	btsl	$3, (%rbx)
	btrl	$3, (%rbx)
	btcl	$3, (%rbx)
	lock btsl $4, (%rbx)
	hlt
END(mmio_bits)

/* Bit 37 is bit 5 of the next word, bit -1 the last one of that before. */
GUEST(mmio_bit_strings)
	.code64
	mov	$37, %ecx
	btsl	%ecx, (%rbx)
	btl	%ecx, (%rbx)
	mov	$-1, %ecx
	btrl	%ecx, (%rbx)
	hlt
END(mmio_bit_strings)

GUEST(mmio_exchange)
	.code64
	xchg	%al, (%rbx)
	xchg	%cx, (%rbx)
	xchg	%edx, (%rbx)
	xchg	%rsi, (%rbx)
	hlt
END(mmio_exchange)

GUEST(mmio_exchange_add)
	.code64
	xadd	%ecx, (%rbx)
	lock xadd %ecx, (%rbx)
	hlt
END(mmio_exchange_add)

GUEST(mmio_compare_exchange)
	.code64
	cmpxchg	%ecx, (%rbx)
	lock cmpxchg %ecx, (%rbx)
	hlt
END(mmio_compare_exchange)

GUEST(mmio_compare_exchange8)
	.code64
	mov	%rbx, %rdi
	mov	$0x55667788, %ebx
	lock cmpxchg8b (%rdi)
	hlt
END(mmio_compare_exchange8)

/* --- Reading operands ------------------------------------------------------------- */

GUEST(mmio_compare)
	.code64
	cmpl	%eax, (%rbx)
	cmp	(%rbx), %eax
	cmpb	$0x80, (%rbx)
	testl	%eax, (%rbx)
	testb	$0x80, (%rbx)
	btl	$5, (%rbx)
	hlt
END(mmio_compare)

GUEST(mmio_operands)
	.code64
	add	(%rbx), %eax
	sub	(%rbx), %eax
	and	(%rbx), %eax
	or	(%rbx), %eax
	xor	(%rbx), %eax
	imul	(%rbx), %eax
	imul	$3, (%rbx), %ecx
	mull	(%rbx)
	hlt
END(mmio_operands)

GUEST(mmio_divide)
	.code64
	divl	(%rbx)
	idivb	(%rbx)
	hlt
END(mmio_divide)

GUEST(mmio_scan)
	.code64
	bsf	(%rbx), %ecx
	bsr	(%rbx), %rdx
	bsf	(%rbx), %rax
	hlt
END(mmio_scan)

GUEST(mmio_count)
	.code64
	popcnt	(%rbx), %cx
	popcnt	(%rbx), %edx
	popcnt	(%rbx), %rax
	hlt
END(mmio_count)

/* --- Strings ---------------------------------------------------------------------- */

GUEST(mmio_rep_movsl)
	.code64
	rep movsl
	hlt
END(mmio_rep_movsl)

GUEST(mmio_movsq)
	.code64
	movsq
	hlt
END(mmio_movsq)

GUEST(mmio_rep_stosw)
	.code64
	rep stosw
	hlt
END(mmio_rep_stosw)

GUEST(mmio_lods)
	.code64
	lodsb
	lodsw
	lodsl
	lodsq
	hlt
END(mmio_lods)

GUEST(mmio_repne_scasb)
	.code64
	repne scasb
	hlt
END(mmio_repne_scasb)

GUEST(mmio_repe_cmpsw)
	.code64
	repe cmpsw
	hlt
END(mmio_repe_cmpsw)

/* --- Stack and branches ----------------------------------------------------------- */

GUEST(mmio_push_pop)
	.code64
	pushq	(%rbx)
	popq	8(%rbx)
	hlt
END(mmio_push_pop)

GUEST(mmio_call_through)
	.code64
	call	*(%rbx)
	hlt
	.org	SYMBOL(guest_mmio_call_through) + 0x40
	jmp	*8(%rbx)
	.org	SYMBOL(guest_mmio_call_through) + 0x80
	hlt
END(mmio_call_through)

/* RSP points to MMIO. */
GUEST(mmio_stack)
	.code64
	push	%rax
	pop	%rcx
	push	$-2
	call	1f
1:	push	%rcx
	hlt
END(mmio_stack)

/* --- Borders ---------------------------------------------------------------------- */

GUEST(mmio_load32)
	.code64
	mov	(%rbx), %eax
	hlt
END(mmio_load32)

GUEST(mmio_store32)
	.code64
	mov	%eax, (%rbx)
	hlt
END(mmio_store32)

GUEST(mmio_load64)
	.code64
	mov	(%rbx), %rax
	hlt
END(mmio_load64)

GUEST(mmio_store64)
	.code64
	mov	%rax, (%rbx)
	hlt
END(mmio_store64)

GUEST(mmio_add32)
	.code64
	add	%eax, (%rbx)
	hlt
END(mmio_add32)

/* Whether the processor has them. */
GUEST(mmio_try_movbe)
	.code64
	movbe	0x4000, %eax
	hlt
END(mmio_try_movbe)

GUEST(mmio_try_popcnt)
	.code64
	popcnt	%eax, %eax
	hlt
END(mmio_try_popcnt)
