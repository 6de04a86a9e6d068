#!/usr/bin/env bash
# Unpack the notebooks for d2l 0.17.6 into d2l-en. The chapter downloads d2l-en.zip, which is always the latest release and
# needs a later d2l. In release 0.17.6 the notebooks for MXNet are in the folder mxnet.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/book.sh
source include:book.sh

unpack_book https://d2l.ai/d2l-en-0.17.6.zip "${SSM_bookSha256:-}" mxnet
