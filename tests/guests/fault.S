/* SPDX-License-Identifier: MIT */
/* Jumps to 0xf0000; run with less memory than that. */
	.code16
	.globl	_start
_start:
	ljmp	$0xf000, $0
