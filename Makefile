# SPDX-License-Identifier: GPL-2.0
#
# The commands that people type; scripts/lab and the lab in qemu/ do the work. What kbuild needs
# is in Kbuild. `make` itself exits with 2 whatever failed: scripts/lab has the distinct codes.

# Given on make's command line or in the environment, these reach the lab as they are.
export VARIANT DEBUG ACCEL CPUS KERNEL_SRC FILTER SEED COUNT REPLAY BASE V

lab := scripts/lab

.PHONY: module run test compare bench shell check patches patches-build mutants mutants-sample kernel setup help clean

# Just the module: for the lab's kernel, or for the build tree that KDIR names. That one takes the
# variables that the tree was built with, such as LLVM= and RUSTC=.
ifdef KDIR
module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(CURDIR)/build/module-kdir modules
else
module:
	@$(lab) module
endif

run test compare bench shell check patches kernel:
	@$(lab) $@

patches-build:
	@$(lab) patches --build

mutants:
	@$(lab) mutants

mutants-sample:
	@$(lab) mutants --sample

setup:
	@scripts/setup

clean:
	rm -rf build

help:
	@echo 'make run      boot the test kernel, load the driver, show that lo is its and works'
	@echo 'make test     every test, of every variant; the last line is "N passed, N failed[, N skipped]"'
	@echo 'make compare  what can be seen of each variant'\''s lo, side by side'
	@echo 'make bench    what each variant'\''s lo costs, in instructions and in time; and how fast the lab is'
	@echo 'make shell    a shell in the guest, driver loaded'
	@echo 'make check    formatting, lints, documentation; no guest'
	@echo 'make patches  the kernel side as a series for git am, in build/patches'
	@echo 'make patches-build'
	@echo '              build the kernel after each patch; that takes long'
	@echo 'make mutants  seed one fault after the other, and see that the tests see it; that takes longer'
	@echo 'make mutants-sample'
	@echo '              the same with a few of them'
	@echo 'make          just the module, for the lab'\''s kernel'
	@echo 'make KDIR=<kernel build tree> LLVM=... RUSTC=...'
	@echo '              the same for a kernel of yours, with the tools it was built with'
	@echo 'make kernel   just the test kernel'
	@echo 'make setup    just the tools that all of this needs'
	@echo 'make clean    remove build/; the shared cache stays'
	@echo 'make help     this'
	@echo
	@echo 'VARIANT=module         no lo at boot: the driver is a module. What is built and run if unset'
	@echo 'VARIANT=builtin        the driver is part of the kernel'
	@echo 'VARIANT=c              the kernel has the C driver'
	@echo 'DEBUG=1                the sanitised kernel'
	@echo 'ACCEL=auto|kvm|tcg     how the guest is executed; auto tries KVM first'
	@echo 'CPUS=1..8              the guest'\''s CPUs; 4 unless given'
	@echo 'KERNEL_SRC=<path>      a kernel tree or tarball in place of the pinned one'
	@echo 'FILTER=<glob>          only the tests whose names match'
	@echo 'SEED=<n> COUNT=<n>     what make compare makes its random operations from, and how many; 1, 10000'
	@echo 'REPLAY=<file>          operations for it in place of random ones'
	@echo 'BASE=<file>            the bench.json of an earlier make bench, to say what has changed since'
	@echo 'V=1                    show everything'
	@echo 'RUST_LOOPBACK_CACHE=<directory>  where sources and kernels are kept;'
	@echo '                       else $${XDG_CACHE_HOME:-~/.cache}/rust-loopback'
	@echo
	@echo 'make exits with 2 on any failure. scripts/lab takes the same commands and variables, and exits with:'
	@echo '    0  all as it must be'
	@echo '    1  a bug in the lab itself'
	@echo '    2  bad command line or variable'
	@echo '    3  FILTER matches no test'
	@echo '   10  set-up: a tool is missing'
	@echo '   11  fetch: the kernel source cannot be had'
	@echo '   12  fetch: not the file that is pinned'
	@echo '   13  kernel source unusable, or patches do not apply'
	@echo '   14  build failed'
	@echo '   15  cache or build directory not writable'
	@echo '   16  disk full'
	@echo '   20  the guest did not come up'
	@echo '   21  a test failed'
	@echo '   22  guest panic'
	@echo '   23  guest hangs: deadline passed'
	@echo '   24  kernel splat or unexpected taint'
	@echo '   25  results missing or truncated'
	@echo '   26  module of another kernel'
	@echo '   27  kernel of another variant'
	@echo '   28  QEMU itself failed'
	@echo '  130  interrupted'
