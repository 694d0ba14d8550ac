#!/usr/bin/env bash
# Install what some tests need and pip can't give: PostgreSQL, and Chromium with its driver.
set -euo pipefail

packages=()
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; then
    packages+=(postgresql)
fi
if ! command -v chromedriver >/dev/null; then
    if grep -qs '^ID=ubuntu' /etc/os-release; then
        packages+=(chromium-browser chromium-chromedriver)
    else
        packages+=(chromium chromium-driver)
    fi
fi
if [ ${#packages[@]} -eq 0 ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "Install these first: ${packages[*]} (their Debian names)" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
