{
  "targets": [
    {
      "target_name": "rollpoint",
      "sources": ["<!@(find src -name '*.cc' | LC_ALL=C sort)"],
      "include_dirs": [
        "src",
        "<!(node -p \"require('node-addon-api').include_dir\")",
        "<!(node -p \"require('node-api-headers').include_dir\")"
      ],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "_GNU_SOURCE"],
      "cflags!": ["-fno-exceptions", "-O3"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++20",
        "-O2",
        "-g",
        "-fPIC",
        "-pthread",
        "-fvisibility=hidden",
        "-fno-omit-frame-pointer",
        "-Wall",
        "-Wextra",
        "-Werror=return-type"
      ],
      "ldflags": ["-pthread", "-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now"]
    }
  ]
}
