#!/usr/bin/env bash
# NVIDIA's local repository of CUDA 10.1. No checksum of the package is known to us, so nothing of it is run: it is
# unpacked and not installed, its key has to be the one with NVIDIA's known fingerprint, and apt then verifies the
# repository, and each package in it, by that key alone.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

SITE=https://developer.download.nvidia.com/compute/cuda
FILE=cuda-repo-ubuntu1804-10-1-local-10.1.243-418.87.00_1.0-1_amd64.deb
FOLDER=/var/cuda-repo-10-1-local-10.1.243-418.87.00
FINGERPRINT=AE09FE4BBD223A84B2CCFCE3F60F4B3D7FA2AF80
KEYRING=/etc/apt/keyrings/nvidia-7fa2af80.gpg

if ((10#$SSM_gpuCount == 0)); then
  say "There is no GPU here: CUDA is not installed."
  exit 0
fi

# It has Ubuntu's own packages give way to NVIDIA's; anything but such lines is no pin file.
fetch "$SITE/repos/ubuntu1804/x86_64/cuda-ubuntu1804.pin" /var/tmp/gpudesk-cuda.pin
if grep -Evq '^((Package|Pin|Pin-Priority|Explanation): .*|)$' /var/tmp/gpudesk-cuda.pin; then
  fail "$SITE/repos/ubuntu1804/x86_64/cuda-ubuntu1804.pin is no file of apt preferences: something answered in its place (a proxy?)."
fi

fetch "$SITE/10.1/Prod/local_installers/$FILE" "/var/tmp/$FILE"
rm -rf "$FOLDER" /var/tmp/gpudesk-cuda
dpkg-deb --extract "/var/tmp/$FILE" /var/tmp/gpudesk-cuda ||
  fail "$FILE is no whole package: it was cut on its way, or something answered in its place."
# There is no HOME for gpg to keep its things in.
keys=$(mktemp -d)
found=$(gpg --homedir "$keys" --batch --with-colons --import-options show-only --import \
  "/var/tmp/gpudesk-cuda$FOLDER/7fa2af80.pub" 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):*$/\1/p' || true)
if [ "$found" != "$FINGERPRINT" ]; then
  fail "The key in $FILE is not NVIDIA's: its fingerprint is ${found:-not to be read}, and should be $FINGERPRINT. Nothing of it was installed."
fi
install -d -m 0755 "$(dirname "$KEYRING")"
gpg --homedir "$keys" --batch --yes --dearmor --output "$KEYRING" "/var/tmp/gpudesk-cuda$FOLDER/7fa2af80.pub"
chmod 0644 "$KEYRING"
rm -rf "$keys"
mv "/var/tmp/gpudesk-cuda$FOLDER" "$FOLDER"
# A later Ubuntu knows apt-key no more; a key that signs for one repository alone is better anyway.
printf 'deb [signed-by=%s] file://%s /\n' "$KEYRING" "$FOLDER" | write_file /etc/apt/sources.list.d/cuda-10-1-local.list 0644 root
write_file /etc/apt/preferences.d/cuda-repository-pin-600 0644 root </var/tmp/gpudesk-cuda.pin
rm -rf /var/tmp/gpudesk-cuda /var/tmp/gpudesk-cuda.pin "/var/tmp/$FILE"
say "NVIDIA's repository of CUDA 10.1 is in $FOLDER, its key verified."
