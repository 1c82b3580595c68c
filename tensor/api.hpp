// What the library shows. Everything is compiled with hidden visibility; a public header puts its
// declarations between these two lines, behind its includes, and what they declare is exported: functions,
// and also types, whose exceptions are caught and whose state is one on both sides. Private headers have no
// such lines.
#pragma once

#define XGRAD_API_BEGIN _Pragma("GCC visibility push(default)")
#define XGRAD_API_END _Pragma("GCC visibility pop")
