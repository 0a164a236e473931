#!/usr/bin/env bash
# bubblewrap makes the folders above a bind's target with mode 700, those above --dir and --tmpfs with mode 755.
#
# In a new root, bwrap makes what is missing on the way to a target. Its manual says nothing of their mode; a good
# guess is that they are as open as those of --dir, which are 755. Above the target of a bind (--bind, --ro-bind,
# --ro-bind-data) they are 700 and belong to who started it. Nobody notices as long as the program keeps that user.
# A service that is started by root and gives each program a user of its own within the sandbox, since the number of
# processes of root cannot be bounded, hears "Permission denied" for a file that is there and readable by all.
# A --dir for the parent before the bind helps: it makes the same folder first, with 755.
#
# Needs Debian's package bubblewrap 0.8.0 (fetched, not installed, where it is not there) and root, as the case does.
# Seen on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"; cd "$folder"
bwrap=$(command -v bwrap || true)
if [ -z "$bwrap" ]; then
    apt-get update -qq
    apt-get download -qq bubblewrap
    dpkg -x bubblewrap_*.deb package
    bwrap="$folder/package/usr/bin/bwrap"
fi
"$bwrap" --version
mkdir code; echo 'readable by all' >code/file; chmod 755 code; chmod 644 code/file
system=(--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64)
{
    echo "as the user who started it:"
    "$bwrap" "${system[@]}" --ro-bind code /srv/app/code --dir /made/folder --tmpfs /memory/folder --unshare-pid \
        sh -c 'stat -c "%a %n" /srv /srv/app /made /memory; cat /srv/app/code/file'
    echo "as a user that is taken within:"
    "$bwrap" "${system[@]}" --ro-bind code /srv/app/code --unshare-pid \
        setpriv --reuid 12345 --regid 12345 --clear-groups cat /srv/app/code/file 2>&1 || true
    echo "with --dir before the bind:"
    "$bwrap" "${system[@]}" --dir /srv/app --ro-bind code /srv/app/code --unshare-pid \
        setpriv --reuid 12345 --regid 12345 --clear-groups cat /srv/app/code/file
} | tee out
diff out - <<'OUT'
as the user who started it:
700 /srv
700 /srv/app
755 /made
755 /memory
readable by all
as a user that is taken within:
cat: /srv/app/code/file: Permission denied
with --dir before the bind:
readable by all
OUT
