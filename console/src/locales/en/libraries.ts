import type zh from "../zh/libraries";
import type { Same } from "../same";

export default {
  title: "Libraries and people",
} satisfies Same<typeof zh>;
