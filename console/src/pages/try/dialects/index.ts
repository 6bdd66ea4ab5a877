import { aicp } from "./aicp";
import { faceApi } from "./faceApi";
import { jdcloud } from "./jdcloud";
import { linkvisual } from "./linkvisual";
import { rest } from "./rest";
import type { Act, Dialect, Translation } from "./types";

const TRANSLATORS: Record<Dialect, (act: Act) => Translation> = { rest, aicp, faceApi, jdcloud, linkvisual };

/** Tells what an act is in an interface: requests, answers and programs. */
export function translate(dialect: Dialect, act: Act): Translation {
  return TRANSLATORS[dialect](act);
}
