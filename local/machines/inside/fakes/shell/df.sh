# shellcheck shell=sh
# Fake df, whose free space can be ordered. The machine's root disk is a folder of this computer.
#   df [-h] PATH
#   df --output=avail -BM|-BG PATH

mib_of_a_new_instance=50000
ordered=/var/lib/fake-faults/free-mib

free=$mib_of_a_new_instance
if [ -e "$ordered" ]; then
  read -r free <"$ordered"
fi
case " $*" in
*" --output=avail"*" -BG"*) printf 'Avail\n%dG\n' $((free / 1024)) ;;
*" --output=avail"*) printf 'Avail\n%dM\n' "$free" ;;
*)
  total=$(/.machine/usr/bin/df --output=size -BM / | tr -dc 0-9)
  echo "Filesystem     1M-blocks     Used Available Mounted on"
  printf '/dev/root      %9d %8d %9d /\n' "$total" $((total - free)) "$free"
  ;;
esac
