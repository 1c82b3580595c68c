// xgrad.hpp: everything a user needs, in one include.
#pragma once
