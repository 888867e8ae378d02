"""Reads QR codes with zxing-cpp and compares them with what they ought to say.

usage: check_qr.py FOLDER

FOLDER/manifest.tsv has a line for each picture, with tabs between: file name, kind, version, level, mask,
"clean" or "damaged", and the text's UTF-8 bytes in hexadecimal. Kinds are
  pbm        a binary portable bitmap
  color      half blocks under ANSI escape sequences, dark modules inked
  plain      half blocks on a dark terminal, light modules inked
  inverted   the same on a light terminal

Prints "NAME: what is wrong" for each picture that is not as it ought to be, then "checked N".
"""

import pathlib
import re
import sys

import numpy
import zxingcpp


def bitmap(data):
    """Grey pixels of a P4 file, 0 for black."""
    header = re.match(rb"P4\n(\d+) (\d+)\n", data)
    width, height = int(header[1]), int(header[2])
    rows = numpy.frombuffer(data, numpy.uint8, offset=header.end()).reshape(height, (width + 7) // 8)
    return numpy.where(numpy.unpackbits(rows, axis=1)[:, :width] == 1, 0, 255).astype(numpy.uint8)


def terminal(text, kind):
    """Grey pixels of what a terminal shows, each half block 4 pixels square."""
    foreground, background = {"color": (0, 255), "plain": (255, 0), "inverted": (0, 255)}[kind]
    halves = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    if kind == "color":
        assert text.count("\x1b[38;5;16;48;5;231m") == text.count("\x1b[0m\n") == text.count("\n")
    rows = []
    for line in re.sub("\x1b\\[[0-9;]*m", "", text).splitlines():
        for half in (0, 1):
            rows.append([foreground if halves[character][half] else background for character in line])
    return numpy.kron(numpy.array(rows, numpy.uint8), numpy.ones((4, 4), numpy.uint8))


def complaint(path, kind, version, level, mask, state, text):
    """What is wrong with a picture, or None."""
    image = bitmap(path.read_bytes()) if kind == "pbm" else terminal(path.read_text("utf-8"), kind)
    # Only the symbol on a light terminal may be read as inverted.
    found = zxingcpp.read_barcodes(
        image, formats=zxingcpp.BarcodeFormat.QRCode, try_invert=kind == "inverted", text_mode=zxingcpp.TextMode.Plain
    )
    if len(found) != 1:
        return f"{len(found)} symbols found"
    symbol = found[0]
    if symbol.text != text:
        return f"reads {symbol.text!r} instead of {text!r}"
    properties = (symbol.extra["Version"], symbol.ec_level, str(symbol.extra["DataMask"]))
    if properties != (version, level, mask):
        return f"version, level and mask are {properties}"
    # The share of the error correction that reading left unused: all of it, unless there is damage.
    unused = symbol.extra["UEC"]
    if state == "clean" and unused != 1:
        return f"errors were corrected: {unused} of the correction is left"
    if state == "damaged" and not 0 <= unused < 1:
        return f"no errors were corrected: {unused}"
    return None


def main():
    folder = pathlib.Path(sys.argv[1])
    checked = 0
    for line in (folder / "manifest.tsv").read_text("utf-8").splitlines():
        name, *fields, text = line.split("\t")
        wrong = complaint(folder / name, *fields, bytes.fromhex(text).decode("utf-8"))
        if wrong:
            print(f"{name}: {wrong}")
        checked += 1
    print(f"checked {checked}")


main()
