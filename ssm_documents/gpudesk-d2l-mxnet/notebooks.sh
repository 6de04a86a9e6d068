#!/usr/bin/env bash
# The book's notebooks of the release that matches d2l 0.17.6, into d2l-en. The chapter's d2l-en.zip is always the latest,
# which is written for another d2l. In this release MXNet's notebooks are in the folder mxnet.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/book.sh
source include:book.sh

unpack_book https://d2l.ai/d2l-en-0.17.6.zip "${SSM_bookSha256:-}" mxnet
