#!/usr/bin/env bash
# The book's notebooks, into d2l-en where Jupyter works. What is there is people's: it is never written over.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/book.sh
source include:book.sh

unpack_book https://d2l.ai/d2l-en-1.0.3.zip "${SSM_bookSha256:-}" pytorch
