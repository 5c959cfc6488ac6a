# SPDX-License-Identifier: MIT

# HY_ARG_SWITCH(NAME, WHAT): an --enable-NAME that is off by default.
AC_DEFUN([HY_ARG_SWITCH],
[AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2 @<:@no@:>@])], [], [enable_$1=no])])

# HY_CHECK_CFLAGS(VARIABLE, FLAGS): appends those of FLAGS that the compiler takes.
AC_DEFUN([HY_CHECK_CFLAGS],
[for flag in $2; do
  hy_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $flag"
  AC_MSG_CHECKING([whether $CC takes $flag])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([])],
    [AC_MSG_RESULT([yes])
     $1="${$1} $flag"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$hy_save_CFLAGS
done
AC_SUBST([$1])])

# HY_CHECK_LDFLAGS(VARIABLE, FLAGS): the same for linking.
AC_DEFUN([HY_CHECK_LDFLAGS],
[for flag in $2; do
  hy_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $flag"
  AC_MSG_CHECKING([whether the linker takes $flag])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([])],
    [AC_MSG_RESULT([yes])
     $1="${$1} $flag"],
    [AC_MSG_RESULT([no])])
  LDFLAGS=$hy_save_LDFLAGS
done
AC_SUBST([$1])])

# HY_SANITIZE(SWITCH, SANITIZER): what --enable-SWITCH adds, for everything that is compiled and linked.
AC_DEFUN([HY_SANITIZE],
[AS_IF([test "x$enable_$1" = xyes],
  [hy_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -fsanitize=$2"
   AC_LINK_IFELSE([AC_LANG_PROGRAM([])],
     [HY_CFLAGS="$HY_CFLAGS -fsanitize=$2"
      sanitizers="${sanitizers:+$sanitizers }$2"],
     [AC_MSG_ERROR([--enable-$1: $CC can't link with -fsanitize=$2])])
   CFLAGS=$hy_save_CFLAGS])])

# HY_BACKEND_LIST(VARIABLE, CHOICE, AUTO): the backends of a switch, all of which must be
# among $host_backends; AUTO are those when nothing is chosen.
AC_DEFUN([HY_BACKEND_LIST],
[AS_CASE([$2],
  [auto|yes], [$1="$3"],
  [none|no], [$1=],
  [$1=`echo "$2" | tr , ' '`])
for backend in $$1; do
  AS_CASE([" $host_backends "], [*" $backend "*], [],
    [AC_MSG_ERROR([backend '$backend' can't be built for $host; those that can: ${host_backends:-none}])])
done])

# HY_BACKEND_CONDITIONAL(CONDITIONAL, BACKEND, LIST): whether it is in a list.
AC_DEFUN([HY_BACKEND_CONDITIONAL],
[AS_CASE([" $3 "], [*" $2 "*], [hy_backend=yes], [hy_backend=no])
AM_CONDITIONAL([$1], [test "x$hy_backend" = xyes])])

# HY_CHECK_VERSION_SCRIPT: whether the linker gives symbols versions.
AC_DEFUN([HY_CHECK_VERSION_SCRIPT],
[AC_MSG_CHECKING([whether the linker takes a version script])
echo 'VERS_1 { global: main; local: *; };' > conftest.sym
hy_save_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.sym"
AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [version_script=yes], [version_script=no])
LDFLAGS=$hy_save_LDFLAGS
rm -f conftest.sym
AC_MSG_RESULT([$version_script])
AM_CONDITIONAL([VERSION_SCRIPT], [test "x$version_script" = xyes])])

# HY_CHECK_FUZZER: whether the compiler has libFuzzer.
AC_DEFUN([HY_CHECK_FUZZER],
[AC_CACHE_CHECK([whether $CC has libFuzzer], [hy_cv_fuzzer],
  [hy_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -fsanitize=fuzzer"
   AC_LINK_IFELSE([AC_LANG_SOURCE([[
     #include <stddef.h>
     #include <stdint.h>
     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return (int)size * !data; }
   ]])], [hy_cv_fuzzer=yes], [hy_cv_fuzzer=no])
   CFLAGS=$hy_save_CFLAGS])
AM_CONDITIONAL([HAVE_FUZZER], [test "x$hy_cv_fuzzer" = xyes])])

# HY_CHECK_X86_GUESTS: whether the tools at hand make flat 32-bit x86 images, from
# which the test guests are built.
AC_DEFUN([HY_CHECK_X86_GUESTS],
[AC_CACHE_CHECK([whether $CCAS and $LD make x86 guests], [hy_cv_x86_guests],
  [hy_cv_x86_guests=no
   printf '.code16\nhlt\n' > conftest.s
   AS_IF([$CC -m32 -c conftest.s -o conftest.$OBJEXT >&AS_MESSAGE_LOG_FD 2>&1 &&
          $LD -m elf_i386 -Ttext 0 -e 0 -o conftest.elf conftest.$OBJEXT >&AS_MESSAGE_LOG_FD 2>&1 &&
          $OBJCOPY -O binary conftest.elf conftest.bin >&AS_MESSAGE_LOG_FD 2>&1],
     [hy_cv_x86_guests=yes])
   rm -f conftest.s conftest.$OBJEXT conftest.elf conftest.bin])
AM_CONDITIONAL([X86_GUESTS], [test "x$hy_cv_x86_guests" = xyes])])
