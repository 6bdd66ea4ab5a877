import type zh from "../zh/operators";
import type { Same } from "../same";

export default {
  title: "Operators",
} satisfies Same<typeof zh>;
