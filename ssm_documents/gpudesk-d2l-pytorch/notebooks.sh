#!/usr/bin/env bash
# Unpack the notebooks of the book into d2l-en in Jupyter's root folder. Existing notebooks are never overwritten.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/book.sh
source include:book.sh

unpack_book https://d2l.ai/d2l-en-1.0.3.zip "${SSM_bookSha256:-}" pytorch
