import type zh from "../zh/recognitions";
import type { Same } from "../same";

export default {
  title: "Recognition log",
} satisfies Same<typeof zh>;
