/* SPDX-License-Identifier: MIT */
/* Halts with interrupts on; none will come. */
	.code16
	.globl	_start
_start:
	sti
	hlt
	cli
	hlt
