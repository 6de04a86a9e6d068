# shellcheck shell=sh
# Requests to this computer and to the metadata service: only the fakes of public sites have https URLs.

case " $* " in
*" https://"*) ;;
*) exec /.machine/usr/bin/curl "$@" ;;
esac
