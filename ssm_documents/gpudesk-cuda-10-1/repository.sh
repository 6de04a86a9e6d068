#!/usr/bin/env bash
# Add NVIDIA's repository of CUDA 10.1, which NVIDIA publishes as one package. There is no checksum for the package, so it
# is only unpacked: no script of it runs. The key in it must have NVIDIA's known fingerprint, and apt verifies the
# repository and all its packages with this key.
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
  say "This instance has no GPU, so CUDA is not installed."
  exit 0
fi

# The package, and what it contains, 2 GB each.
require_free_space 5
# The pin file makes apt prefer NVIDIA's packages to those of Ubuntu. Any other content is refused.
fetch "$SITE/repos/ubuntu1804/x86_64/cuda-ubuntu1804.pin" /var/tmp/gpudesk-cuda.pin
if grep -Evq '^((Package|Pin|Pin-Priority|Explanation): .*|)$' /var/tmp/gpudesk-cuda.pin; then
  fail "$SITE/repos/ubuntu1804/x86_64/cuda-ubuntu1804.pin is not a file of apt preferences. Check whether a proxy sent something else."
fi

fetch "$SITE/10.1/Prod/local_installers/$FILE" "/var/tmp/$FILE"
rm -rf "$FOLDER" /var/tmp/gpudesk-cuda
dpkg-deb --extract "/var/tmp/$FILE" /var/tmp/gpudesk-cuda ||
  fail "$FILE is not a complete package. Check whether a proxy sent something else."
# Root has no HOME here, so gpg needs a folder.
keys=$(mktemp -d)
fingerprint=$(gpg --homedir "$keys" --batch --with-colons --import-options show-only --import \
  "/var/tmp/gpudesk-cuda$FOLDER/7fa2af80.pub" 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):*$/\1/p' || true)
if [ "$fingerprint" != "$FINGERPRINT" ]; then
  fail "The key in $FILE has fingerprint ${fingerprint:-(unreadable)}, but NVIDIA's key has $FINGERPRINT. Nothing was installed. Do not use this file."
fi
install -d -m 0755 "$(dirname "$KEYRING")"
gpg --homedir "$keys" --batch --yes --dearmor --output "$KEYRING" "/var/tmp/gpudesk-cuda$FOLDER/7fa2af80.pub"
chmod 0644 "$KEYRING"
rm -rf "$keys"
mv "/var/tmp/gpudesk-cuda$FOLDER" "$FOLDER"
# signed-by limits the key to this repository. A key that was added with apt-key would be valid for all repositories.
printf 'deb [signed-by=%s] file://%s /\n' "$KEYRING" "$FOLDER" | write_file /etc/apt/sources.list.d/cuda-10-1-local.list 0644 root
write_file /etc/apt/preferences.d/cuda-repository-pin-600 0644 root </var/tmp/gpudesk-cuda.pin
rm -rf /var/tmp/gpudesk-cuda /var/tmp/gpudesk-cuda.pin "/var/tmp/$FILE"
say "The repository of CUDA 10.1 is in $FOLDER. Its key was verified."
