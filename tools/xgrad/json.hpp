// The reports as JSON, one object on a line; the help texts of the commands describe them.
// Invariant: what is written is valid JSON in UTF-8, whatever the names in a file are.
#pragma once

#include "diff.hpp"
#include "show.hpp"

#include <string>

std::string to_json(const Listing& listing);
std::string to_json(const Comparison& comparison);
