#!/usr/bin/env bash
# The lists of deliberate defects fit the sources: one whose text is gone would test nothing.
set -euo pipefail
exec "$SOURCE/tools/mutate" --check
