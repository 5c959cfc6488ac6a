/* SPDX-License-Identifier: MIT */
/*
 * An exception with an empty interrupt table, and so one in its delivery, and
 * one more.  In protected mode: some hosts interpret real mode and go on with
 * the table at 0.
 */
	.code16
	.globl	_start
_start:
	xor	%eax, %eax
	mov	%cs, %ax
	shl	$4, %eax
	add	$gdt, %eax
	mov	%eax, gdtr + 2
	lgdtl	gdtr
	lidtl	empty
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$0xfff8, %ax		/* beyond the table of segments: #GP */
	mov	%ax, %ds

gdtr:
	.word	gdt_end - gdt - 1
	.long	0
empty:
	.word	0
	.long	0
	.balign	8
gdt:
	.quad	0
	.quad	0x00009b000000ffff	/* 16-bit code */
gdt_end:
