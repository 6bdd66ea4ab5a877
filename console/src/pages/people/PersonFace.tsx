import { queries } from "../../api/client";
import { FaceImage } from "../../common/FaceImage";
import { nameOf, type Person, placeOf } from "./person";

const FRESH_MS = 60_000;

interface Properties {
  person: Person;
  size: number | string;
  /** Whether the face is not looked up now, as when the list is being scrolled past it. */
  isPaused?: boolean;
}

/** The newest face of a person of a list. It is looked up if the list does not tell it. */
export function PersonFace({ person, size, isPaused = false }: Properties) {
  const { libraryId, id, faces } = person;
  const known = faces?.[0]?.id;
  const isWanted = !faces && !isPaused;
  const looked = queries.useQuery("get", "/libraries/{library}/people/{person}/faces", placeOf(libraryId, id), {
    enabled: isWanted,
    staleTime: FRESH_MS,
  });
  const face = known ?? looked.data?.items[0]?.id;
  return <FaceImage library={libraryId} person={id} face={face} name={nameOf(person)} size={size} />;
}
