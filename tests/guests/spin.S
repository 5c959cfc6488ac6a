/* SPDX-License-Identifier: MIT */
/* Runs for ever without an exit. */
	.code16
	.globl	_start
_start:
	jmp	_start
