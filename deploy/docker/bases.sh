#!/bin/sh
# Make the base images of the Dockerfile from Debian packages, without a registry of images: aicp-base-builder with the Rust of
# this machine, aicp-base-runtime.
#
# Usage: deploy/docker/bases.sh BUILDAH..., the command with its options; needs root, mmdebstrap and rustc.
set -eu

# base NAME PACKAGES: commits a root file system as an image; further files come from the folder "$extra".
base() {
    container=$("$buildah" $options from scratch)
    root=$("$buildah" $options mount "$container")
    mmdebstrap --quiet --variant=minbase --include="$2" bookworm - | tar --extract --directory "$root"
    if [ -n "$3" ]; then "$3" "$root"; fi
    "$buildah" $options umount "$container" >/dev/null
    "$buildah" $options commit --quiet --rm "$container" "$1" >/dev/null
    echo "$1: made"
}

# The compiler without its manual, and the certificates that this machine trusts, which its proxies may need.
toolchain() {
    sysroot=$(rustc --print sysroot)
    tar --create --directory "$sysroot" bin lib | tar --extract --no-same-owner --directory "$1/usr/local"
    cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

buildah=$1
shift
options=$*
base localhost/aicp-base-builder build-essential,ca-certificates,nasm,python3 toolchain
base localhost/aicp-base-runtime ca-certificates ""
