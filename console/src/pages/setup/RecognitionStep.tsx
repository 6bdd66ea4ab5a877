import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FailurePanel } from "../../common/states";
import { identify } from "../try/acts";
import type { Identification } from "../try/dialects/types";
import { FoundFaces } from "../try/FoundFaces";
import { marksOf } from "../try/marks";
import { PictureSlot } from "../try/PictureSlot";
import { useRun } from "../try/useRun";
import { LibrarySelect } from "./LibrarySelect";
import type { StepProperties } from "./Setup";
import { StepFrame } from "./StepFrame";

/** The first recognition: another picture of the person of the step before. */
export function RecognitionStep({ progress, made, onNext }: StepProperties) {
  const { t } = useTranslation("setup");
  const { t: ofTry } = useTranslation("try");
  const cache = useQueryClient();
  const { libraries, people, isDone } = progress;
  const [libraryId, setLibraryId] = useState(made.libraryId ?? libraries.at(-1)?.id ?? "");
  const [picture, setPicture] = useState<Blob | null>(null);
  const { result, failure, isBusy, run, clear } = useRun<Identification>();

  const library = libraries.find(({ id }) => id === libraryId);
  const choose = (next: Blob | null) => {
    setPicture(next);
    clear();
    if (!next || !library) return;
    run(async (signal) => {
      const identified = await identify(next, { libraries: [library], threshold: null, faces: "largest" }, signal);
      // Events are written shortly after the answer.
      setTimeout(() => void cache.invalidateQueries(), 1000);
      return identified;
    });
  };
  const isFound = result?.found.some(({ matches }) => matches.length > 0) ?? false;
  return (
    <StepFrame
      title={t("recognition.title")}
      about={t("recognition.about")}
      done={isDone.recognition && !result ? t("recognition.done") : null}
      another={t("recognition.another")}
      isOver={result !== null}
      onNext={onNext}
    >
      {people === 0 ? (
        <Alert type="info" showIcon title={t("recognition.nobody")} />
      ) : (
        <Flex vertical gap={16}>
          {libraries.length > 1 && <LibrarySelect libraries={libraries} value={libraryId} onChange={setLibraryId} />}
          <div style={{ maxWidth: 480 }}>
            <PictureSlot
              picture={picture}
              onPicture={choose}
              isBusy={isBusy}
              label={made.person?.name ? t("recognition.pictureOf", { name: made.person.name }) : t("recognition.picture")}
              faces={result ? marksOf(result, ofTry("match.unknown"), ofTry("match.nameless")) : []}
            />
          </div>
          {failure ? <FailurePanel failure={failure} onRetry={() => choose(picture)} /> : null}
          {result && picture && (
            <>
              <Alert
                type={isFound ? "success" : "warning"}
                showIcon
                title={t(isFound ? "recognition.found" : "recognition.notFound")}
              />
              <FoundFaces picture={picture} act={result} libraries={libraries} selected={0} onSelect={() => {}} />
              <div>
                <Button type="primary" onClick={onNext}>
                  {t("next")}
                </Button>
              </div>
            </>
          )}
        </Flex>
      )}
    </StepFrame>
  );
}
