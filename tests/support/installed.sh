# Sourced by scripts: installs the library as a user gets it into $installed and sets PKG_CONFIG_PATH, all of it
# removed at the end of the script.

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
meson install -C "$BUILD" --destdir "$temporary/root" --no-rebuild --quiet

pc=$(find "$temporary/root" -name xgrad.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
# The destination replaces what the package was configured for.
prefix=$(sed -n 's/^prefix=//p' "$pc")
installed=$temporary/root$prefix
sed -i "s|^prefix=.*|prefix=$installed|" "$PKG_CONFIG_PATH"/*.pc
